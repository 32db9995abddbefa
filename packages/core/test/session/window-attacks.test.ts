import { describe, expect, it } from "vitest";
import type { Payload } from "../../src/envelope/sealer.ts";
import { settle, until } from "../support/clock.ts";
import { end, upTo } from "../support/live.ts";
import { attacked, LEVELS, type Make, type Verdict, WIRES } from "../support/messages.ts";
import type { PairOptions } from "../support/pair.ts";
import type { Puppet } from "../support/puppet.ts";
import { b64u, unb64u } from "../support/raw.ts";
import { expectRefusal } from "../support/tamper.ts";

const WINDOW: PairOptions = { server: { order: "window" }, client: { order: "window" } };

/** A server in window order whose client is an attacker; its errors are kept. */
async function attackedWindow(options: PairOptions) {
  const errors: unknown[] = [];
  const attack = await attacked({
    ...WINDOW,
    ...options,
    serverHooks: { onError: (error) => errors.push(error), ...options.serverHooks },
  });
  return { ...attack, errors, server: attack.pair.server };
}

const flipLast = (text: string): string => {
  const segments = text.split(".");
  segments.push(b64u(unb64u(segments.pop()!).map((b, i) => (i === 0 ? b ^ 1 : b))));
  return segments.join(".");
};

/** A message of this number with one bit of its tag or signature changed. */
const forged =
  (seq: number): Make =>
  async (p) =>
    p.toWire(flipLast(await p.compact(p.claims({ seq }), { seq })), 0, seq);

/** The IV of another direction, or of another connection. */
const wrongIv: Make = async (p) => {
  const segments = ((await p.control({ top: "ping" })) as string).split(".");
  segments[2] = b64u(new Uint8Array(12).fill(1));
  return segments.join(".");
};

describe.each(WIRES)("%s", (protocol) => {
  describe.each(LEVELS)("%s", (level) => {
    const at = { protocol, level } as const;
    const encrypted = level === "aead" || level === "nest";
    const signed = level === "sig" || level === "nest";

    /** What anybody on the path can bring about. */
    const ofThePath: readonly (readonly [string, Verdict["stage"], number, Make])[] = [
      ["E_CRYPTO", "crypto", 4501, forged(5)],
      ["E_CRYPTO", "crypto", 4501, forged(900_000)],
      ["E_SEQ", "sequence", 4502, (p) => p.control({ top: "ping" }, { seq: 0 })],
      ...(protocol === "sealwire.v1.text" ? [["E_IV", "sequence", 4501, wrongIv] as const] : []),
      [
        "E_HEADER",
        "header",
        4400,
        async (p) =>
          p.pair.wire === "binary"
            ? p.toWire(await p.compact(), 2, p.seq)
            : await p.message(undefined, { header: { ...p.header, typ: "sealwire2+jwt" } }),
      ],
      ...(signed
        ? [
            [
              "E_BINDING",
              "claims",
              4501,
              (p: Puppet) => p.message(p.claims({ bnd: "A".repeat(22), seq: 5 }), { seq: 5 }),
            ] as const,
          ]
        : []),
    ];

    it.each(ofThePath)(
      "%s in %s: sixteen are dropped and move nothing, the next ends the session [window:drop] [window:drops-end] [seq:commit]",
      async (code, stage, close, make) => {
        const { pair, puppet, got, errors, server } = await attackedWindow(at);
        const bad: Payload[] = [];
        for (let i = 0; i < 17; i++) bad.push(await make(puppet));
        puppet.seq = 0;
        const good = [await puppet.message(), await puppet.message(), await puppet.message()];
        puppet.deliver(good[0]!, ...bad.slice(0, 8), good[2]!, ...bad.slice(8, 16), good[1]!);
        await until(() => got.length === 3, "the messages between");
        expect(server.info).toBeUndefined();
        expect(server.session!.window).toEqual({ dropped: 16, missing: 0 });
        expect(errors).toEqual(upTo(16).map(() => expect.objectContaining({ code, stage, fatal: false })));
        expect(await puppet.controls()).toEqual([]);
        puppet.deliver(bad[16]!);
        await expectRefusal(pair, { side: "server", code: code as Verdict["code"], stage, close });
        expect(server.info!.window).toEqual({ dropped: 16, missing: 0 });
      },
    );

    it("what is dropped is counted together, and the limit is the receiver's own [window:drop]", async () => {
      const { pair, puppet, got, server } = await attackedWindow({ ...at, limits: { replayDrops: 3 } });
      const first = await puppet.message();
      puppet.deliver(first, first, await forged(5)(puppet), await ofThePath[2]![3](puppet));
      await settle();
      expect([got.length, server.session!.window]).toEqual([1, { dropped: 3, missing: 0 }]);
      puppet.deliver(first);
      expect((await end(pair, "server")).error).toMatchObject({ code: "E_REPLAY", fatal: true });
    });

    type Case = readonly [code: string, stage: Verdict["stage"], close: number, make: Make];
    const when = (applies: boolean, ...cases: Case[]): Case[] => (applies ? cases : []);
    /** What only a peer with the keys can bring about, and what is no frame at all. */
    const fatal: readonly Case[] = [
      ["E_CLAIMS", "claims", 4400, (p) => p.message(p.claims({ exp: undefined }))],
      ["E_CLAIMS", "claims", 4400, (p) => p.control({ top: "rekey" })],
      ["E_CLAIMS", "claims", 4400, (p) => p.message(p.claims({ ref: 5 }))],
      ["E_SEQ", "claims", 4502, (p) => p.control({ top: "ping", seq: 7 }, { seq: 3 })],
      ["E_SEQ", "claims", 4502, (p) => p.control({ top: "ping", rcv: 9 })],
      ...when(!encrypted, ["E_CLAIMS", "claims", 4400, (p) => p.message(p.claims({ seq: 0 }))]),
      ...when(level === "nest", [
        "E_CRYPTO",
        "inner",
        4501,
        (p) => p.message(undefined, { inner: { ...p.signedHeader, typ: "sealwire2+jwt" } }),
      ]),
      protocol === "sealwire.v1.text"
        ? ["E_MALFORMED", "encoding", 4400, () => "a.b"]
        : ["E_CBOR", "encoding", 4400, () => Uint8Array.of(0x9f)],
    ];
    it.each(fatal)("%s in %s stays fatal at once", async (code, stage, close, make) => {
      const { pair, puppet, server } = await attackedWindow(at);
      puppet.deliver(await make(puppet));
      await expectRefusal(pair, { side: "server", code: code as Verdict["code"], stage, close });
      expect(server.info!.window).toEqual({ dropped: 0, missing: 0 });
    });

    describe("bye", () => {
      it("what it overtook is dropped, not delivered, and stays missing [window:late]", async () => {
        const { puppet, got, errors, server } = await attackedWindow(at);
        const messages = [await puppet.message(), await puppet.message(), await puppet.control({ top: "ping" })];
        const bye = await puppet.control({ top: "bye" });
        puppet.deliver(messages[0]!, bye, messages[1]!, messages[2]!, messages[1]!);
        await settle();
        expect(got).toEqual([1]);
        expect((await puppet.controls()).map((c) => c.top)).toEqual(["bye"]);
        expect(errors).toEqual([]);
        expect(server.session!.window).toEqual({ dropped: 0, missing: 2 });
        // A repetition of what was received is a failure as before.
        puppet.deliver(messages[0]!, bye);
        await settle();
        expect(server.session!.window).toEqual({ dropped: 2, missing: 2 });
        expect(server.info).toBeUndefined();
      });

      it("what is numbered above it is fatal, also where a late one came between [close:after-bye]", async () => {
        for (const make of [
          (p: Puppet) => p.message(),
          (p: Puppet) => p.control({ top: "ping" }),
          (p: Puppet) => p.control({ top: "bye" }),
        ]) {
          const { pair, puppet, got } = await attackedWindow(at);
          const late = await puppet.message();
          puppet.deliver(await puppet.control({ top: "bye" }), late, await make(puppet));
          await expectRefusal(pair, { side: "server", code: "E_STATE", stage: "commit", close: 4400 });
          expect(got).toEqual([]);
        }
      });

      it("one that has not the highest number is fatal [window:bye-last]", async () => {
        const { pair, puppet, got } = await attackedWindow(at);
        const bye = await puppet.control({ top: "bye" });
        puppet.deliver(await puppet.message(), bye);
        await expectRefusal(pair, { side: "server", code: "E_STATE", stage: "commit", close: 4400 });
        expect(got).toEqual([1]);
        expect(pair.server.info!.truncated).toBe(true);
      });
    });
  });
});
