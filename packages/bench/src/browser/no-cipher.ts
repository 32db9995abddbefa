// Sessions and the bare calls with a WebCrypto that copies: what is left is what each of them does itself.
import { backend, type CryptoBackend } from "@sealwire/core/internal";
import { aeadKey } from "@sealwire/core/internal/webcrypto";
import { bareCalls, type Decrypt, type Encrypt } from "./bare.ts";

const TAG = 16;
/** Has settled: whoever waits for it goes on in a later job, as after WebCrypto. */
const later = Promise.resolve();

const encrypt: Encrypt = (_, text) =>
  later.then(() => {
    const sealed = new Uint8Array(text.length + TAG);
    sealed.set(text);
    return sealed.buffer;
  });

/** One copy, of a view as of a whole buffer: so many has WebCrypto. */
const decrypt: Decrypt = (_, data) =>
  later.then(() => {
    const opened = data.slice(0, data.byteLength - TAG);
    return opened instanceof ArrayBuffer ? opened : (opened.buffer as ArrayBuffer);
  });

/** A key of WebCrypto in all but what it calls: that is looked up when it is made. */
function copyingKey() {
  const copies = {
    encrypt: (params: AesGcmParams, _key: CryptoKey, text: Uint8Array) => encrypt(params, text),
    decrypt: (params: AesGcmParams, _key: CryptoKey, data: Uint8Array) => decrypt(params, data),
  };
  Object.defineProperty(crypto, "subtle", { value: copies, configurable: true });
  try {
    return aeadKey({} as CryptoKey);
  } finally {
    // That of the prototype is there again.
    Reflect.deleteProperty(crypto, "subtle");
  }
}

/** WebCrypto for the handshake; messages are copied. */
export const withoutCipher: CryptoBackend = {
  ...backend,
  async generateKeyAgreement(suite) {
    const own = await backend.generateKeyAgreement(suite);
    return { ...own, agree: async (peer) => ({ ...(await own.agree(peer)), aead: copyingKey }) };
  },
};

export const bareWithoutCipher = (): ((plaintext: Uint8Array) => Promise<Uint8Array>) => bareCalls(encrypt, decrypt);
