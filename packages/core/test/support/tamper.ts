import { expect } from "vitest";
import type { PrivateJwk } from "../../src/crypto/backend.ts";
import { CLOSE_CODES, type ErrorCode, type Stage } from "../../src/registry.generated.ts";
import { cbor } from "./cbor.ts";
import { until } from "./clock.ts";
import type { Tap } from "./link.ts";
import { openPair, type Pair, type PairOptions, type Secrets } from "./pair.ts";
import { type Change, fromFull, openCompact, sealCompact, signCompact, toFull, unb64u } from "./raw.ts";

// biome-ignore lint/suspicious/noExplicitAny: a test writes into them whatever it likes
type Loose = any;

/** A signed object in parts. A string in place of an object stands as it is. */
export interface SignedParts {
  header: Loose;
  claims: Loose;
  key: PrivateJwk;
  /** What becomes of the signature. */
  signature?: Change;
}

/** CA or SR in parts; `header` and `claims` are those of the inner object where there is one. */
export interface SealedParts extends SignedParts {
  outer: Loose;
  iv: Buffer;
  /** Replaces the plaintext. */
  plaintext?: Loose;
  /** The last hand on the compact object. */
  finish?: (compact: string) => string;
}

/** Edits of the handshake objects on their way; each is sealed and signed again with the right keys. */
export interface Edits {
  /** May answer with a text, or with bytes for the binary wire, in place of what it was given. */
  readonly ch?: (ch: Loose) => unknown;
  readonly sh?: (sh: SignedParts) => unknown;
  readonly ca?: (ca: SealedParts, secrets: Secrets) => unknown;
  readonly sr?: (sr: SealedParts) => unknown;
}

const parse = (segment: string): Loose => JSON.parse(unb64u(segment).toString());

export function handshakeTap(wire: "text" | "binary", edits: Edits, secrets: Secrets): Tap {
  return (direction, payload, index) => {
    const names = direction === "c2s" ? (["ch", "ca"] as const) : (["sh", "sr"] as const);
    const name = names[index];
    if (name === undefined || edits[name] === undefined) return [payload];
    const text = fromFull(payload);
    if (name === "ch") {
      const ch = JSON.parse(text);
      const result = edits.ch?.(ch);
      if (result instanceof Uint8Array) return [cbor([0, result])];
      return [toFull(wire, typeof result === "string" ? result : JSON.stringify(ch))];
    }
    return [toFull(wire, edit(name, text, edits, secrets))];
  };
}

function edit(name: "sh" | "ca" | "sr", text: string, edits: Edits, secrets: Secrets): string {
  const segments = text.split(".") as [string, string, string];
  if (name === "sh") {
    const sh: SignedParts = { header: parse(segments[0]), claims: parse(segments[1]), key: secrets.serverKey };
    edits.sh?.(sh);
    return signCompact(sh.header, sh.claims, sh.key, sh.signature);
  }
  const key = secrets.keys.get(name === "ca" ? "c hs key" : "s hs key") as Uint8Array;
  const plain = openCompact(text, key).toString();
  const inner = plain.startsWith("{") ? undefined : (plain.split(".") as [string, string]);
  const parts: SealedParts = {
    outer: parse(segments[0]),
    header: inner && parse(inner[0]),
    claims: inner ? parse(inner[1]) : JSON.parse(plain),
    key: secrets.clientKey as PrivateJwk,
    iv: unb64u(segments[2]),
  };
  edits[name]?.(parts, secrets);
  const claims = typeof parts.claims === "string" ? parts.claims : JSON.stringify(parts.claims);
  const plaintext =
    parts.plaintext ??
    (parts.header === undefined ? claims : signCompact(parts.header, claims, parts.key, parts.signature));
  const sealed = sealCompact(parts.outer, key, parts.iv, Buffer.from(plaintext));
  return parts.finish?.(sealed) ?? sealed;
}

/** Runs a handshake in which somebody changes objects. */
export async function tampered(edits: Edits, options: PairOptions = {}): Promise<Pair> {
  const wire = options.protocol === "sealwire.v1.text" ? "text" : "binary";
  return await openPair({
    ...options,
    onLink: (link, secrets) => {
      link.tap = handshakeTap(wire, edits, secrets);
      options.onLink?.(link, secrets);
    },
  });
}

export interface Refusal {
  readonly side: "client" | "server";
  readonly code: ErrorCode;
  readonly stage: Stage;
  readonly close: number;
}

/** The side ended with this error, closed with this code, and its reason is the coarse name alone. */
export async function expectRefusal(pair: Pair, { side, code, stage, close }: Refusal): Promise<void> {
  await until(() => pair[side].info !== undefined, `the end of the ${side}`);
  const { error } = pair[side].info!;
  expect({
    code: error?.code,
    stage: error?.stage,
    close: error?.closeCode,
    fatal: error?.fatal,
    remote: error?.remote,
  })
    // `remote` says who found it: this side did.
    .toEqual({ code, stage, close, fatal: true, remote: false });
  expect(pair.link[side].closedWith).toEqual({ code: close, reason: CLOSE_CODES[close]!.name });
}

/** As `expectRefusal` for a server before SR: it says so in clear, with the coarse name alone. */
export async function expectClearRefusal(pair: Pair, refusal: Refusal): Promise<void> {
  await expectRefusal(pair, refusal);
  const last = pair.link.log.filter((entry) => entry.direction === "s2c").at(-1)!;
  const clear = `{"typ":"sealwire-err","code":"${CLOSE_CODES[refusal.close]!.name}"}`;
  expect(fromFull(last.payload)).toBe(clear);
}
