import { describe, expect, it } from "vitest";
import { backend as node } from "../../src/crypto/node.ts";
import { generateKey } from "../../src/keys/generate.ts";
import { createKeySet } from "../../src/keys/keyset.ts";
import type { Level } from "../../src/registry.generated.ts";
import { FULL_OFFER } from "../../src/session/client-hello.ts";
import { openPair, type PairOptions, proofKey } from "../support/pair.ts";
import { fromFull, unb64u } from "../support/raw.ts";
import { expectClearRefusal, tampered } from "../support/tamper.ts";

type Hello = Record<string, never> & { readonly [k: string]: unknown };

const hello = (pair: Awaited<ReturnType<typeof openPair>>): Hello => JSON.parse(fromFull(pair.link.log[0]!.payload));
const serverHello = (pair: Awaited<ReturnType<typeof openPair>>): { header: Hello; claims: Hello } => {
  const [header, claims] = fromFull(pair.link.log[1]!.payload)
    .split(".", 2)
    .map((s) => JSON.parse(unb64u(s!).toString()));
  return { header, claims };
};

/** A server with a key of each algorithm. */
async function bothAlgs(): Promise<PairOptions> {
  const keys = await Promise.all([generateKey("ES256"), generateKey("Ed25519")]);
  return {
    server: { signers: await Promise.all(keys.map((k) => proofKey(node, k.privateJwk))) },
    client: {
      serverKeys: await createKeySet(node, { keys: keys.map((k) => ({ ...k.publicJwk })) }, { source: "configured" }),
    },
  };
}

describe("the server takes the first name in the client's order [ch:select]", () => {
  const list = <T>(...values: T[]): readonly T[] => values;
  it.each([
    ["suites", { suites: list("x25519", "p256") }, { st: "x25519" }],
    ["suites", { suites: list("p256", "x25519") }, { st: "p256" }],
    ["levels", { levels: list("nest", "aead", "mac", "sig") }, { lvl: "nest" }],
    ["levels", { levels: list("mac", "sig", "aead") }, { lvl: "mac" }],
    ["codecs", { codecs: list("json", "cbor") }, { cod: "json" }],
    ["codecs", { codecs: list("cbor", "json") }, { cod: "cbor" }],
  ] as const)("%s: %j", async (_, offer, expected) => {
    const pair = await openPair({ client: { offer: { ...FULL_OFFER, ...offer } as never } });
    expect(serverHello(pair).claims).toMatchObject(expected);
    const { st = pair.client.session!.suite, lvl = pair.level, cod = pair.client.session!.codec } = expected as never;
    if ("lvl" in expected) expect(pair.client.session!.level).toBe(lvl);
    expect(pair.client.session).toMatchObject({ suite: st, codec: cod });
  });

  it.each([
    [["ES256", "Ed25519"], "ES256"],
    [["Ed25519", "ES256"], "Ed25519"],
    [["Ed25519"], "Ed25519"],
  ] as const)("signatures: %j", async (signatures, alg) => {
    const both = await bothAlgs();
    const pair = await openPair({ ...both, client: { ...both.client, offer: { ...FULL_OFFER, signatures } } });
    expect(serverHello(pair).header).toMatchObject({ alg });
    expect(pair.client.session).toBeDefined();
  });

  it("passes over what the server does not accept", async () => {
    const accept = { ...FULL_OFFER, levels: ["mac"], codecs: ["json"], suites: ["p256"] } as const;
    const pair = await openPair({ client: { offer: FULL_OFFER }, server: { accept } });
    expect(pair.client.session).toMatchObject({ level: "mac", codec: "json", suite: "p256" });
  });

  it("the client's order decides among the subprotocols too [hs:select]", async () => {
    const prt = ["sealwire.v9", "sealwire.v1.text", "sealwire.v1.cbor"];
    const pair = await openPair({ protocol: "sealwire.v1.text", client: { offeredProtocols: prt } });
    expect(pair.client.session!.protocol).toBe("sealwire.v1.text");
    const other = await openPair({ protocol: "sealwire.v1.cbor", client: { offeredProtocols: prt } });
    await expectClearRefusal(other, { side: "server", code: "E_DOWNGRADE", stage: "claims", close: 4406 });
  });
});

describe("what the client offers", () => {
  it("keys and randomness for this connection alone [ch:fresh]", async () => {
    const pairs = [];
    for (let i = 0; i < 4; i++) pairs.push(await openPair({ client: { offer: FULL_OFFER } }));
    const hellos = pairs.map(hello) as unknown as { kex: { x: string }[]; rnd: string }[];
    const xs = hellos.flatMap((h) => h.kex.map((jwk) => jwk.x));
    expect(xs).toHaveLength(8);
    expect(new Set(xs).size).toBe(8);
    expect(new Set(hellos.map((h) => h.rnd)).size).toBe(4);
    const epks = pairs.map((p) => (serverHello(p).claims.epk as unknown as { x: string }).x);
    expect(new Set([...epks, ...xs]).size).toBe(12);
  });

  it("all its subprotocols, in its order [ch:prt-all]", async () => {
    const prt = ["sealwire.v1.cbor", "sealwire.v9", "sealwire.v1.text"];
    const pair = await openPair({ client: { offeredProtocols: prt } });
    expect(hello(pair).prt).toEqual(prt);
    expect(pair.client.session).toBeDefined();
  });

  it("neither sig nor nest without a proof key [ch:no-key-no-sig]", async () => {
    const levels: readonly Level[] = ["sig", "nest", "aead", "mac"];
    const pair = await openPair({ proof: "none", client: { offer: { ...FULL_OFFER, levels } } });
    expect(hello(pair).lvl).toEqual(["aead", "mac"]);
    expect(pair.client.session!.level).toBe("aead");
  });

  it("says which size it takes", async () => {
    const pair = await openPair({ limits: { messageBytes: 70_000 } });
    expect(hello(pair).lim).toEqual({ msg: 70_000 });
    expect(serverHello(pair).claims.lim).toEqual({ msg: 70_000 });
  });
});

describe("pol.pop", () => {
  it.each([
    ["mac", "optional"],
    ["aead", "optional"],
    ["sig", "required"],
    ["nest", "required"],
  ] as const)("at %s is %s where the server leaves it open [sh:pop-for-sig]", async (level, pop) => {
    const pair = await openPair({ level });
    expect(serverHello(pair).claims.pol).toEqual({ pop, res: 0, seq: "strict" });
  });
});

describe("sizes [limit:hello-bytes]", () => {
  const pad = (bytes: number) => (ch: Record<string, unknown>) => {
    ch.pad = "";
    ch.pad = "x".repeat(bytes - JSON.stringify(ch).length);
  };
  const tooBig = { side: "server", code: "E_TOO_BIG", stage: "frame", close: 1009 } as const;

  it("takes a CH of 4,096 bytes and refuses one of 4,097", async () => {
    const protocol = "sealwire.v1.text";
    const pair = await tampered({ ch: pad(4096) }, { protocol });
    // Taken: the client finds that it was changed.
    expect(pair.client.info!.error!.code).toBe("E_TRANSCRIPT");
    await expectClearRefusal(await tampered({ ch: pad(4097) }, { protocol }), tooBig);
    // Frame and all: 4,092 bytes of JSON are one too many.
    await expectClearRefusal(await tampered({ ch: pad(4092) }), tooBig);
    expect((await tampered({ ch: pad(4091) })).client.info!.error!.code).toBe("E_TRANSCRIPT");
  });

  it("counts bytes, not characters, on the text wire", async () => {
    const ch = (o: Record<string, unknown>) => Object.assign(o, { pad: "€".repeat(1300) });
    await expectClearRefusal(await tampered({ ch }, { protocol: "sealwire.v1.text" }), tooBig);
  });

  it("refuses a large CH before it parses it", async () => {
    const ch = () => `{${"[".repeat(5000)}`;
    await expectClearRefusal(await tampered({ ch }), tooBig);
    await expectClearRefusal(await tampered({ ch }, { protocol: "sealwire.v1.text" }), tooBig);
  });
});
