import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEFAULT_LIMITS } from "../../src/registry.generated.ts";
import { decodeSession, encodeSession, type RestoreOptions, type SessionState } from "../../src/session/snapshot.ts";
import { utf8 } from "../../src/wire/bytes.ts";
import { settle } from "../support/clock.ts";
import { keptIn } from "../support/kept.ts";
import { live } from "../support/live.ts";
import { type PairOptions, SERVER_ID } from "../support/pair.ts";
import { sessionOf } from "../support/reconnect.ts";

const AT = { unix: 1_900_000_000_000, elapsed: 5_000 };

async function parked(options: PairOptions = {}) {
  const pair = await live({ ...options, server: { resume: 120, exportableChain: true } });
  const session = sessionOf(pair, "server");
  // Not answered: an answer would acknowledge everything.
  sessionOf(pair, "client").handle("q", () => new Promise(() => {}));
  for (let i = 0; i < 5; i++) await session.send("t", { i });
  void session.request("q", "ü").catch(() => {});
  await settle(2);
  const { facts, ledger } = session.life;
  const state: SessionState = {
    facts,
    ledger,
    refusals: [
      { ref: 3, code: "E_DENIED", seq: 9 },
      { ref: [4, 1], code: "E_HANDLER", seq: undefined },
    ],
    scopes: ["a", "b"],
    expiresAt: 1_900_000_600,
    extra: { token: "secret", more: [1, null] },
  };
  const restore: RestoreOptions = {
    backend: facts.keys.backend,
    limits: DEFAULT_LIMITS,
    serverId: SERVER_ID,
    signers: [facts.keys.serverKey as RestoreOptions["signers"][number]],
    time: AT,
  };
  return { pair, state, restore };
}

describe("a session as bytes", () => {
  it.each(["mac", "sig", "aead", "nest"] as const)("%s: what was written is read", async (level) => {
    const { state, restore } = await parked({ level });
    const bytes = encodeSession(state, AT);
    const read = await decodeSession(bytes, restore);
    expect({ ...read.facts, keys: 0 }).toEqual({ ...state.facts, keys: 0 });
    const { clientKey, ...keys } = read.facts.keys;
    const { clientKey: before, ...rest } = state.facts.keys;
    expect(keys).toEqual(rest);
    expect(clientKey?.id).toEqual(before?.id);
    expect(clientKey?.verifier?.publicJwk).toEqual(before?.verifier?.publicJwk);
    expect(keptIn(read.ledger)).toEqual(keptIn(state.ledger));
    expect(read.ledger.retention.all().length).toBeGreaterThan(0);
    expect(read.ledger.chains.map(({ kid }) => kid)).toEqual(state.ledger.chains.map(({ kid }) => kid));
    for (const name of ["sent", "acknowledged", "committed", "freeAcks"] as const)
      expect(read.ledger[name]).toBe(state.ledger[name]);
    for (const name of ["refusals", "scopes", "expiresAt", "extra"] as const) expect(read[name]).toEqual(state[name]);
    expect(encodeSession(read, AT)).toEqual(bytes);
  });

  it("the budget of control messages goes on, as if the time had passed here", async () => {
    const { state, restore } = await parked();
    const { controlBurst, controlPerSecond } = DEFAULT_LIMITS;
    while (state.ledger.budget.control.take(1, AT.elapsed)) {}
    const bytes = encodeSession(state, AT);
    const level = async (seconds: number) => {
      const time = { unix: AT.unix + seconds * 1000, elapsed: 0 };
      return (await decodeSession(bytes, { ...restore, time })).ledger.budget.control.level(0);
    };
    expect(await level(-10)).toBeLessThan(1);
    expect(await level(2)).toBeCloseTo(2 * controlPerSecond, 0);
    expect(await level(1000)).toBe(controlBurst);
  });

  it("and so does that of resumes [resume:rate]", async () => {
    const { state, restore } = await parked();
    const { resumesPerMinute } = DEFAULT_LIMITS;
    state.ledger.budget.resumes.spend(resumesPerMinute, AT.elapsed);
    const bytes = encodeSession(state, AT);
    const level = async (seconds: number) => {
      const time = { unix: AT.unix + seconds * 1000, elapsed: 0 };
      return (await decodeSession(bytes, { ...restore, time })).ledger.budget.resumes.level(0);
    };
    expect([await level(-10), await level(30), await level(90)]).toEqual([0, resumesPerMinute / 2, resumesPerMinute]);
  });

  it("of another server, or at a signed level without its identity key, is refused", async () => {
    const { state, restore } = await parked({ level: "sig" });
    const bytes = encodeSession(state, AT);
    expect(() => decodeSession(bytes, { ...restore, serverId: "https://other.example" })).toThrow(/another server/);
    expect(() => decodeSession(bytes, { ...restore, signers: [] })).toThrow(/key/);
    const plain = await parked({ level: "aead" });
    expect(await decodeSession(encodeSession(plain.state, AT), { ...plain.restore, signers: [] })).toBeDefined();
  });

  it("is not made of chains that stay in the backend", async () => {
    const pair = await live({ server: { resume: 120 } });
    const { facts, ledger } = sessionOf(pair, "server").life;
    const state = { facts, ledger, refusals: [], scopes: [], expiresAt: 1, extra: null };
    expect(() => encodeSession(state, AT)).toThrow(TypeError);
  });
});

describe("bytes that are no session", () => {
  type Parsed = Record<string, unknown>;
  const changes: Record<string, (s: Parsed) => unknown> = {
    "another version": (s) => ({ ...s, v: 1 }),
    "a member more": (s) => ({ ...s, more: 1 }),
    "an unknown level": (s) => ({ ...s, lvl: "none" }),
    "an unknown code": (s) => ({ ...s, err: [[1, "E_NONE", null]] }),
    "window order": (s) => ({ ...s, pol: { pop: "optional", res: 1, seq: "window" } }),
    "a number below 0": (s) => ({ ...s, exp: -1 }),
    "a fraction": (s) => ({ ...s, beg: 1.5 }),
    "more acknowledged than sent": (s) => ({ ...s, seq: [1, 2, 3] }),
    "a chain that is not base64url": (s) => ({ ...s, chn: ["="] }),
    "a client's key that is no point": (s) => ({ ...s, cnf: { alg: "ES256", jkt: "x", jwk: { kty: "EC" } } }),
    "a short array": (s) => ({ ...s, lim: [1] }),
    "a message with a member less": (s) => ({ ...s, out: [[1, "t", null, 1, null, false]] }),
    "an array": (s) => [s],
    null: () => null,
  };
  it.each(Object.entries(changes))("%s: E_RESUME, and nothing of it is told", async (_, change) => {
    const { state, restore } = await parked();
    const text = new TextDecoder().decode(encodeSession(state, AT));
    const bytes = utf8.encode(JSON.stringify(change(JSON.parse(text) as Parsed)));
    const error = await Promise.resolve()
      .then(() => decodeSession(bytes, restore))
      .then(
        () => undefined,
        (e: unknown) => e,
      );
    expect(error).toMatchObject({ code: "E_RESUME", stage: "session" });
    expect(String(error)).not.toContain("secret");
  });

  it("each member is needed", async () => {
    const { state, restore } = await parked();
    const whole = JSON.parse(new TextDecoder().decode(encodeSession(state, AT))) as Parsed;
    for (const name of Object.keys(whole)) {
      const { [name]: _, ...rest } = whole;
      expect(() => decodeSession(utf8.encode(JSON.stringify(rest)), restore)).toThrow(/members/);
    }
  });

  it("whatever byte is another one, it is a session or an E_RESUME", async () => {
    const { state, restore } = await parked();
    const bytes = encodeSession(state, AT);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(255), async (at, value) => {
        const changed = bytes.slice();
        changed[at] = value;
        try {
          await decodeSession(changed, restore);
        } catch (error) {
          expect(error).toMatchObject({ code: "E_RESUME" });
        }
      }),
      { numRuns: 300 },
    );
  });
});
