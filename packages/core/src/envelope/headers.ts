import { StaticIv } from "../crypto/aead.ts";
import type { PublicJwk } from "../crypto/backend.ts";
import type { Codec, Level, SignatureAlg } from "../registry.generated.ts";
import { decodeBase64url, encodeBase64url } from "../wire/base64url.ts";
import { ascii, compactText, concat, passingUtf8 } from "../wire/bytes.ts";

const DOT = ascii(".");

/** A protected header: its JSON bytes, and the AAD of a JWE under it (the ASCII bytes of its base64url form). */
export class Header {
  readonly aad: Uint8Array;
  #json: Uint8Array | undefined;
  #signed: Uint8Array | undefined;

  /** `passing`: of one message of a handshake, where the JSON is on both wires. */
  constructor(json: string, passing = false) {
    const write = passing ? passingUtf8 : ascii;
    const bytes = write(json);
    this.aad = write(encodeBase64url(bytes));
    if (passing) this.#json = bytes;
  }

  /** The binary wire of a session leaves it out: there it is not kept. */
  get json(): Uint8Array {
    this.#json ??= decodeBase64url(compactText(this.aad));
    return this.#json;
  }

  /** What the signature of a JWS with this header covers before the payload (RFC 7515 section 5.1). */
  get signed(): Uint8Array {
    this.#signed ??= concat(this.aad, DOT);
    return this.#signed;
  }
}

interface Members {
  alg: string;
  enc?: "A256GCM";
  cty?: "JWT" | "sealwire+cbor" | undefined;
  epk?: PublicJwk;
  kid?: string;
  jwk?: PublicJwk;
  typ: string;
}

/** The member order of the literal that is passed is the order on the wire (specs/envelope.md, headers). */
const header = (members: Members): Header => new Header(JSON.stringify(members));
const passingHeader = (members: Members): Header => new Header(JSON.stringify(members), true);

const cborCty = (codec: Codec): { cty?: "sealwire+cbor" } => (codec === "cbor" ? { cty: "sealwire+cbor" } : {});

/** Header of control messages: A256GCM at every level, so that tokens and close reasons are never readable on the way. */
function controlHeader(kid: string): Header {
  return header({ alg: "dir", enc: "A256GCM", kid, typ: "sealwire-ctl+jwt" });
}

/** Header of application messages at one level; at `sig` the key is the signer's, elsewhere the derived key id. */
function applicationHeader(level: Level, codec: Codec, kid: string, signer?: SignerId): Header {
  switch (level) {
    case "mac":
      return header({ alg: "HS256", ...cborCty(codec), kid, typ: "sealwire+jwt" });
    case "aead":
      return header({ alg: "dir", enc: "A256GCM", ...cborCty(codec), kid, typ: "sealwire+jwt" });
    case "nest":
      return header({ alg: "dir", enc: "A256GCM", cty: "JWT", kid, typ: "sealwire+jwt" });
    case "sig":
      return signedHeader(codec, signer as SignerId);
  }
}

/** What the key schedule derives beside the keys themselves. */
export interface DirectionKeys {
  /** K: names direction and epoch; 22 characters. */
  readonly kid: string;
  readonly iv: Uint8Array;
}

/**
 * What is the same in all messages of one direction in one epoch, none of it secret: the static IV, and the headers that its
 * sealer writes and its opener admits, which are made when needed.
 */
export class Direction extends StaticIv {
  readonly level: Level;
  readonly #codec: Codec;
  readonly #kid: string;
  readonly #signer: SignerId | undefined;
  #application: Header | undefined;
  #inner: Header | undefined;

  /** @throws TypeError for a level that signs, without the signer, and for an IV of another length */
  constructor(level: Level, codec: Codec, { kid, iv }: DirectionKeys, signer?: SignerId) {
    super(iv);
    if (signer === undefined && (level === "sig" || level === "nest"))
      throw new TypeError("levels sig and nest need a signing key on both sides");
    this.level = level;
    this.#codec = codec;
    this.#kid = kid;
    this.#signer = signer;
  }

  get application(): Header {
    this.#application ??= applicationHeader(this.level, this.#codec, this.#kid, this.#signer);
    return this.#application;
  }

  /** Not kept: control messages are rare, and every session that is idle has some. */
  get control(): Header {
    return controlHeader(this.#kid);
  }

  /** The signed message inside `nest`. */
  get inner(): Header | undefined {
    if (this.level !== "nest") return undefined;
    this.#inner ??= signedHeader(this.#codec, this.#signer as SignerId);
    return this.#inner;
  }
}

export interface SignerId {
  readonly alg: SignatureAlg;
  readonly thumbprint: string;
}

/** Header of the signed message: the whole of it at `sig`, the inner one at `nest`. */
function signedHeader(codec: Codec, signer: SignerId): Header {
  return header({ alg: signer.alg, ...cborCty(codec), kid: signer.thumbprint, typ: "sealwire+jwt" });
}

const serverHelloHeaders = new WeakMap<SignerId, Header>();

/** The same for every hello of a signer. */
export function serverHelloHeader(signer: SignerId): Header {
  let known = serverHelloHeaders.get(signer);
  if (known === undefined) {
    known = header({ alg: signer.alg, kid: signer.thumbprint, typ: "sealwire-sh+jwt" });
    serverHelloHeaders.set(signer, known);
  }
  return known;
}

/** The hellos of a resume, both under the K of one chain. */
export const resumeHeader = (kid: string, hello: "ch" | "sh"): Header =>
  passingHeader({ alg: "HS256", kid, typ: `sealwire-${hello}+jwt` });

export const clientAuthHeader = (kid: string, proof: boolean): Header =>
  passingHeader({ alg: "dir", enc: "A256GCM", cty: proof ? "JWT" : undefined, kid, typ: "sealwire-ca+jwt" });

export const proofHeader = (alg: SignatureAlg, jwk: PublicJwk): Header =>
  header({ alg, jwk, typ: "sealwire-auth+jwt" });

export const serverReadyHeader = (kid: string): Header =>
  passingHeader({ alg: "dir", enc: "A256GCM", kid, typ: "sealwire-sr+jwt" });

/** `env` stands alone; `envi` is the same inside an encrypted envelope, and nowhere else. */
export const envelopeHeader = (signer: SignerId, inner: boolean): Header =>
  header({ alg: signer.alg, kid: signer.thumbprint, typ: inner ? "sealwire-envi+jwt" : "sealwire-env+jwt" });

export const encryptedEnvelopeHeader = (recipient: string, epk: PublicJwk): Header =>
  header({ alg: "ECDH-ES", enc: "A256GCM", cty: "JWT", epk, kid: recipient, typ: "sealwire-envx+jwt" });
