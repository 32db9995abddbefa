/**
 * The global `CryptoKeyPair`, by what WebCrypto answers with: only the types of a browser have that name, and a server is
 * compiled without them.
 */
export type CryptoKeyPair = Extract<
  Awaited<ReturnType<typeof globalThis.crypto.subtle.generateKey>>,
  { readonly privateKey: unknown }
>;

/** The same of `CryptoKey`. */
export type CryptoKey = CryptoKeyPair["privateKey"];
