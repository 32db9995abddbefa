import { createHash, createPrivateKey, createPublicKey, diffieHellman } from "node:crypto";
import { expect } from "vitest";
import type { PrivateJwk, PublicJwk } from "../../src/crypto/backend.ts";
import type { ErrorCode, Stage } from "../../src/registry.generated.ts";
import { type OpenedEnvelope, type OpenOptions, open, unsafeAllowReplay } from "../../src/standalone/open.ts";
import { b64u, type Change, sealCompact, signCompact, toFull } from "../support/raw.ts";

const jwk = (members: object): PrivateJwk => members as PrivateJwk;

/** 2030-01-01T00:00:00Z. */
export const NOW = 1_893_456_000;
export const now = (): number => NOW * 1000;

export const ALICE = "https://alice.example";
export const BOB = "https://bob.example";
export const GROUP = "group:traders";
export const JTI: string = b64u(Buffer.alloc(16, 7));

/** Fixed keys: what a test changes is the only thing that differs. */
function key(kind: "ES256" | "Ed25519" | "P-256" | "X25519", label: string): PrivateJwk {
  const d = createHash("sha256").update(`standalone test ${label}`).digest();
  if (kind === "ES256" || kind === "P-256") {
    const made = createPrivateKey({ key: sec1(d), format: "der", type: "sec1" });
    const { x, y } = createPublicKey(made).export({ format: "jwk" });
    return jwk({ kty: "EC", crv: "P-256", x, y, d: b64u(d), alg: kind === "ES256" ? "ES256" : "ECDH-ES" });
  }
  const prefix = kind === "Ed25519" ? "302e020100300506032b657004220420" : "302e020100300506032b656e04220420";
  const made = createPrivateKey({ key: Buffer.concat([Buffer.from(prefix, "hex"), d]), format: "der", type: "pkcs8" });
  const { x } = createPublicKey(made).export({ format: "jwk" });
  return jwk({ kty: "OKP", crv: kind, x, d: b64u(d), alg: kind === "Ed25519" ? "Ed25519" : "ECDH-ES" });
}

/** ECPrivateKey with the named curve P-256 and without public key (RFC 5915 section 3). */
const sec1 = (d: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from("30310201010420", "hex"), d, Buffer.from("a00a06082a8648ce3d030107", "hex")]);

export const KEYS = {
  alice: key("ES256", "alice"),
  aliceEd: key("Ed25519", "alice"),
  mallory: key("ES256", "mallory"),
  bobP256: key("P-256", "bob"),
  bobX: key("X25519", "bob"),
  otherP256: key("P-256", "other"),
  otherX: key("X25519", "other"),
  ephemeralP256: key("P-256", "ephemeral"),
  ephemeralX: key("X25519", "ephemeral"),
};

export const publicOf = ({ kty, crv, x, y, alg }: PrivateJwk): PublicJwk & { alg: string } => ({
  kty,
  crv,
  x,
  ...(y === undefined ? {} : { y }),
  alg: alg as string,
});

/** Members of the wire. */
export function wireJwk(of: PublicJwk): PublicJwk {
  const { kty, crv, x, y } = of;
  return y === undefined ? { kty, crv, x } : { kty, crv, x, y };
}

/** RFC 7638, written out. */
export function printOf({ kty, crv, x, y }: PublicJwk): string {
  const members =
    kty === "EC" ? `{"crv":"${crv}","kty":"EC","x":"${x}","y":"${y}"}` : `{"crv":"${crv}","kty":"OKP","x":"${x}"}`;
  return createHash("sha256").update(members).digest("base64url");
}

// biome-ignore lint/suspicious/noExplicitAny: a test writes into them whatever it likes
export type Loose = any;

export interface Parts {
  /** Header of the JWS: the only one, or the inner one. */
  header: Loose;
  claims: Loose;
  key: PrivateJwk;
  signature?: Change;
  /** Encrypted envelopes. */
  outer: Loose;
  recipient: PublicJwk;
  ephemeral: PrivateJwk;
  iv: Buffer;
  /** Replaces the inner JWS. */
  plaintext?: string | Buffer;
  /** The last hand on the compact object. */
  finish?: (compact: string) => string;
}

export type Edit = (parts: Parts) => unknown;
export type Kind = "signed" | "encrypted";

/** An envelope from Alice to Bob, made by hand; `edit` changes it before signature and encryption. */
export function craft(kind: Kind, edit: Edit = () => undefined, x25519 = false): string {
  const [recipient, ephemeral] = x25519 ? [KEYS.bobX, KEYS.ephemeralX] : [KEYS.bobP256, KEYS.ephemeralP256];
  const inner = kind === "encrypted";
  const parts: Parts = {
    header: { alg: "ES256", kid: printOf(KEYS.alice), typ: inner ? "sealwire-envi+jwt" : "sealwire-env+jwt" },
    claims: { iss: ALICE, aud: BOB, jti: JTI, iat: NOW, exp: NOW + 60, top: "pay", dat: { amount: 100 } },
    key: KEYS.alice,
    outer: {
      alg: "ECDH-ES",
      enc: "A256GCM",
      cty: "JWT",
      epk: wireJwk(ephemeral),
      kid: printOf(recipient),
      typ: "sealwire-envx+jwt",
    },
    recipient,
    ephemeral,
    iv: Buffer.alloc(12, 3),
  };
  edit(parts);
  const jws = signCompact(parts.header, parts.claims, parts.key, parts.signature);
  const finish = parts.finish ?? ((compact: string) => compact);
  if (!inner) return finish(jws);
  const content = contentKey(parts.ephemeral, parts.recipient);
  return finish(sealCompact(parts.outer, content, parts.iv, Buffer.from(parts.plaintext ?? jws)));
}

/** RFC 7518 section 4.6.2 for A256GCM, written out. */
export function contentKey(own: PrivateJwk, peer: PublicJwk): Buffer {
  const z = diffieHellman({
    privateKey: createPrivateKey({ key: { ...own }, format: "jwk" }),
    publicKey: createPublicKey({ key: { ...wireJwk(peer) }, format: "jwk" }),
  });
  const info = Buffer.from("0000000741323536" + "47434d" + "0000000000000000" + "00000100", "hex");
  return createHash("sha256").update(Buffer.from("00000001", "hex")).update(z).update(info).digest();
}

export const OPTIONS: OpenOptions = {
  audience: [BOB, GROUP],
  keys: {
    [ALICE]: { keys: [publicOf(KEYS.alice), publicOf(KEYS.aliceEd)] },
    mallory: { keys: [publicOf(KEYS.mallory)] },
  },
  decryptionKey: [KEYS.bobP256, KEYS.bobX],
  replay: unsafeAllowReplay,
  now,
};

export const FORMS = ["text", "binary"] as const;

/** As text and as bytes. */
export const bothForms = (compact: string): readonly (string | Uint8Array)[] =>
  FORMS.map((form) => toFull(form, compact));

export async function failureOf(run: () => Promise<unknown>): Promise<Loose> {
  return await run().then(
    () => expect.fail("it was accepted"),
    (error: unknown) => error,
  );
}

/** Refused in both forms, by this code in this step, never fatal. */
export async function expectRefused(
  compact: string,
  code: ErrorCode,
  stage: Stage,
  options: Partial<OpenOptions> = {},
): Promise<void> {
  for (const envelope of bothForms(compact)) {
    const error = await failureOf(() => open(envelope, { ...OPTIONS, ...options }));
    expect({ code: error.code, stage: error.stage, fatal: error.fatal, close: error.closeCode }).toEqual({
      code,
      stage,
      fatal: false,
      close: undefined,
    });
  }
}

/** Accepted in both forms. */
export async function expectOpened(compact: string, options: Partial<OpenOptions> = {}): Promise<OpenedEnvelope> {
  const [text, binary] = await Promise.all(bothForms(compact).map((e) => open(e, { ...OPTIONS, ...options })));
  expect(binary).toEqual(text);
  return text as OpenedEnvelope;
}
