import { type CryptoBackend, checkPublicJwk, decodeBase64url, type Verifier } from "@sealwire/core/internal";
import {
  base64url,
  decodeProtectedHeader,
  errors,
  exportJWK,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
  UnsecuredJWT,
} from "jose";

/** What a backend verifies, by the names that tokens have for it. */
const OWN: Readonly<Record<string, string>> = { ES256: "ES256", Ed25519: "Ed25519", EdDSA: "Ed25519" };
/** Members that say which signature it is, and nothing else. */
const PLAIN: ReadonlySet<string> = new Set(["alg", "kid", "typ"]);

/** Those of jose that are in use here. */
interface Options {
  readonly issuer: string;
  readonly audience: string;
  readonly typ: string;
  readonly algorithms: string[];
  readonly clockTolerance: number;
  readonly currentDate: Date;
  readonly requiredClaims: string[];
}

type Header = ReturnType<typeof decodeProtectedHeader> & { readonly alg: string };
type Key = Awaited<ReturnType<JWTVerifyGetKey>>;

/**
 * `jwtVerify` of jose, but the signature of a usual token is verified by `backend`: jose has WebCrypto hand it to a thread,
 * which costs a server several times as much as the verification itself. Key set and claims stay the matter of jose, and so
 * does the whole of a token that is in any way unusual: other algorithms, keys and header members.
 *
 * `claims`: of the same token, as `decodeJwt` has read them to find its issuer. Where nothing about them is unusual they are
 * the answer, and not read again.
 *
 * Its errors are those of `jwtVerify`.
 */
export function tokenReader(
  backend: CryptoBackend,
): (token: string, keys: JWTVerifyGetKey, options: Options, claims?: JWTPayload) => Promise<JWTPayload> {
  const verifiers = new WeakMap<object, Promise<Verifier | undefined>>();
  const headers = new KnownHeaders();
  return async (token, keys, options, claims) => {
    const usual = readUsual(token, headers);
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
    const signed = Buffer.from(token.slice(0, token.lastIndexOf(".")), "utf8");
    if ((await verifier.verify(signed, usual.signature)) !== true) throw new errors.JWSSignatureVerificationFailed();
    headers.keep(jws.protected, header);
    if (claims !== undefined && isPlain(claims, header, options)) return claims;
    // The check of claims alone: jose has it for what comes without a signature. This one's holds.
    const unsigned = base64url.encode(JSON.stringify({ alg: "none", typ: header.typ }));
    return UnsecuredJWT.decode(`${unsigned}.${jws.payload}.`, options).payload;
  };
}

/** Undefined for what jose is to judge, also where that can only be a refusal. */
function readUsual(token: string, headers: KnownHeaders) {
  try {
    const segments = token.split(".");
    if (segments.length !== 3) return undefined;
    const [head, payload, signature] = segments as [string, string, string];
    const header = headers.find(head) ?? usualHeader(token);
    if (header === undefined) return undefined;
    const jws = { protected: head, payload, signature };
    return { header, jws, signature: decodeBase64url(signature) };
  } catch {
    return undefined;
  }
}

function usualHeader(token: string): Header | undefined {
  const header = decodeProtectedHeader(token);
  const { alg = "" } = header;
  if (!Object.hasOwn(OWN, alg) || !Object.keys(header).every((name) => PLAIN.has(name))) return undefined;
  return Object.freeze({ ...header, alg });
}

/** As they are written: an issuer writes the same for all tokens under one key. Only of tokens whose signature held. */
class KnownHeaders {
  static readonly #MOST = 32;
  static readonly #LONGEST = 256;
  readonly #known = new Map<string, Header>();

  find(text: string): Header | undefined {
    return this.#known.get(text);
  }

  keep(text: string, header: Header): void {
    if (text.length > KnownHeaders.#LONGEST || this.#known.has(text)) return;
    if (this.#known.size >= KnownHeaders.#MOST) this.#known.clear();
    // A copy: the text may be a part of the token, which the engine would keep with it.
    this.#known.set(Buffer.from(text, "latin1").toString("latin1"), header);
  }
}

/** True for claims that jose would have nothing to say about. It judges all others, by rules that have more to them. */
function isPlain(claims: JWTPayload, header: Header, options: Options): boolean {
  const { iss, aud, exp, iat, nbf } = claims;
  return (
    header.typ === options.typ &&
    iss === options.issuer &&
    aud === options.audience &&
    typeof exp === "number" &&
    exp > options.currentDate.getTime() / 1000 &&
    (iat === undefined || typeof iat === "number") &&
    nbf === undefined &&
    options.requiredClaims.every((name) => Object.hasOwn(claims, name))
  );
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
