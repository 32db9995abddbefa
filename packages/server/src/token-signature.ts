import { type CryptoBackend, checkPublicJwk, type Verifier } from "@sealwire/core/internal";
import {
  base64url,
  decodeProtectedHeader,
  errors,
  exportJWK,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
  UnsecuredJWT,
} from "jose";

const encoder = new TextEncoder();

/** What a backend verifies, by the names that tokens have for it. */
const OWN: Readonly<Record<string, string>> = { ES256: "ES256", Ed25519: "Ed25519", EdDSA: "Ed25519" };
/** Members that say which signature it is, and nothing else. */
const PLAIN: ReadonlySet<string> = new Set(["alg", "kid", "typ"]);

type Options = JWTVerifyOptions & { readonly algorithms: string[] };
type Key = Awaited<ReturnType<JWTVerifyGetKey>>;

/**
 * `jwtVerify` of jose, but the signature of a usual token is verified by `backend`: jose has WebCrypto hand it to a thread,
 * which costs a server several times as much as the verification itself. Header, key set and claims stay the matter of
 * jose, and so does the whole of a token that is in any way unusual: other algorithms, keys and header members.
 *
 * Its errors are those of `jwtVerify`.
 */
export function tokenReader(
  backend: CryptoBackend,
): (token: string, keys: JWTVerifyGetKey, options: Options) => Promise<JWTPayload> {
  const verifiers = new WeakMap<object, Promise<Verifier | undefined>>();
  return async (token, keys, options) => {
    const usual = readUsual(token);
    if (usual === undefined) return (await jwtVerify(token, keys, options)).payload;
    const { header, jws } = usual;
    if (!options.algorithms.includes(header.alg)) throw new errors.JOSEAlgNotAllowed("not among the algorithms");
    const key = await keys(header, jws);
    let imported = verifiers.get(key);
    if (imported === undefined) {
      imported = importKey(backend, key);
      verifiers.set(key, imported);
    }
    const verifier = await imported;
    if (verifier === undefined || verifier.alg !== OWN[header.alg])
      return (await jwtVerify(token, async () => key, options)).payload;
    const signed = encoder.encode(`${jws.protected}.${jws.payload}`);
    if (!(await verifier.verify(signed, usual.signature))) throw new errors.JWSSignatureVerificationFailed();
    // The check of claims alone: jose has it for what comes without a signature. This one's holds.
    const unsigned = base64url.encode(JSON.stringify({ alg: "none", typ: header.typ }));
    return UnsecuredJWT.decode(`${unsigned}.${jws.payload}.`, options).payload;
  };
}

/** Undefined for what jose is to judge, also where that can only be a refusal. */
function readUsual(token: string) {
  try {
    const header = decodeProtectedHeader(token);
    const { alg = "" } = header;
    if (!Object.hasOwn(OWN, alg) || !Object.keys(header).every((name) => PLAIN.has(name))) return undefined;
    const segments = token.split(".");
    if (segments.length !== 3) return undefined;
    const [head, payload, signature] = segments as [string, string, string];
    const jws = { protected: head, payload, signature };
    return { header: { ...header, alg }, jws, signature: base64url.decode(signature) };
  } catch {
    return undefined;
  }
}

/** Undefined for a key that is none of this protocol. */
async function importKey(backend: CryptoBackend, key: Key): Promise<Verifier | undefined> {
  try {
    const checked = checkPublicJwk(await exportJWK(key as CryptoKey), "sign");
    return checked.ok ? await backend.importVerifier(checked.jwk) : undefined;
  } catch {
    return undefined;
  }
}
