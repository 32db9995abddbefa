import { decode } from "cbor-x";
import { compactDecrypt, compactVerify, EmbeddedJWK, importJWK } from "jose";
import { describe, expect, it } from "vitest";
import type { PrivateJwk } from "../../src/crypto/backend.ts";
import { product } from "../support/all-pairs.ts";
import { settle, until } from "../support/clock.ts";
import { openPair, type Pair } from "../support/pair.ts";
import { Puppet } from "../support/puppet.ts";
import { b64u } from "../support/raw.ts";

const ROWS = product({
  level: ["mac", "sig", "aead", "nest"],
  protocol: ["sealwire.v1.text", "sealwire.v1.cbor"],
  codec: ["json", "cbor"],
} as const);
const name = (row: (typeof ROWS)[number]) => Object.values(row).join(" ");

const publicKey = async ({ kty, crv, x, y, alg }: PrivateJwk) =>
  await importJWK({ kty, crv, x, ...(y === undefined ? {} : { y }) }, alg as string);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const headerOf = (compact: string) => Buffer.from(compact.split(".")[0] as string, "base64url").toString();

/** Both ends of a pair as puppets; each turns what its end sent into text. */
function ends(pair: Pair) {
  return { client: new Puppet(pair, "client"), server: new Puppet(pair, "server") };
}

function sent(pair: Pair, direction: "c2s" | "s2c"): string[] {
  const puppet = direction === "c2s" ? ends(pair).client : ends(pair).server;
  return pair.link.log.filter((e) => e.direction === direction).map((e) => puppet.toText(e.payload));
}

/** One of everything: hellos, a message and a request each way, ping, pong, err, bye. */
async function conversation(row: Partial<Parameters<typeof openPair>[0]>): Promise<Pair> {
  const pair = await openPair({ ...row, serverHooks: { authorize: ({ topic }) => topic !== "no" } });
  const [client, server] = [pair.client.session!, pair.server.session!];
  for (const end of [client, server]) end.handle("echo", (d) => d);
  await client.request("echo", { n: 1 });
  await server.request("echo", Uint8Array.of(1, 2, 3));
  await client.send("no", null);
  await pair.clock.advance(30_000);
  await until(() => pair.link.log.length >= 11, "ping and pong");
  await client.close();
  await settle();
  return pair;
}

describe("every object that is sent, opened by stock jose", () => {
  it.each(ROWS.map((r) => [name(r), r] as const))("%s [header:exact] [claims:order] [claims:data]", async (_, row) => {
    const pair = await conversation(row);
    for (const direction of ["c2s", "s2c"] as const) {
      const puppet = ends(pair)[direction === "c2s" ? "client" : "server"];
      const kinds: string[] = [];
      for (const [i, object] of sent(pair, direction).slice(2).entries()) {
        const control = headerOf(object).includes("sealwire-ctl");
        expect(headerOf(object)).toBe(JSON.stringify(control ? puppet.controlHeader : puppet.header));
        const claims = control ? await openControl(puppet, object) : await openMessage(puppet, object);
        expect(claims.seq).toBe(i + 1);
        const order = "iss aud bnd seq iat exp top code ref req dat bin rcv".split(" ");
        expect(Object.keys(claims)).toEqual(order.filter((claim) => claim in claims));
        expect(Object.keys(claims).filter((claim) => claim === "dat" || claim === "bin")).toHaveLength(control ? 0 : 1);
        kinds.push(control ? String(claims.top) : Object.keys(claims).includes("ref") ? "reply" : "message");
      }
      const expected = { c2s: "message reply message pong bye", s2c: "reply message err ping bye" };
      expect(kinds.join(" ")).toBe(expected[direction]);
    }
  });

  it.each(["ES256", "Ed25519"] as const)("SH, CA and SR with %s [header:exact]", async (alg) => {
    const pair = await openPair({ protocol: "sealwire.v1.text", proof: alg, serverAlg: alg });
    const [[ch, ca], [sh, sr]] = [sent(pair, "c2s"), sent(pair, "s2c")] as [string[], string[]];
    const k = (label: string) => pair.keys.get(label)!;

    expect(headerOf(sh!)).toBe(`{"alg":"${alg}","kid":"${pair.serverKeyId}","typ":"sealwire-sh+jwt"}`);
    const hello = JSON.parse(text((await compactVerify(sh!, await publicKey(pair.serverKey))).payload));
    expect(Object.keys(hello)).toEqual("iss iat th rnd prt st epk lvl cod pol lim".split(" "));
    expect(Object.keys(JSON.parse(ch!))).toEqual("typ v rnd aud prt st kex lvl sig cod lim".split(" "));

    const caHeader = `{"alg":"dir","enc":"A256GCM","cty":"JWT","kid":"${b64u(k("c hs kid"))}","typ":"sealwire-ca+jwt"}`;
    expect(headerOf(ca!)).toBe(caHeader);
    const inner = text((await compactDecrypt(ca!, k("c hs key"))).plaintext);
    const { kty, crv, x, y } = pair.clientKey!;
    const jwk = JSON.stringify({ kty, crv, x, y });
    expect(headerOf(inner)).toBe(`{"alg":"${alg}","jwk":${jwk},"typ":"sealwire-auth+jwt"}`);
    const proof = await compactVerify(inner, EmbeddedJWK);
    expect(Object.keys(JSON.parse(text(proof.payload)))).toEqual("aud iat exp th at".split(" "));

    const srHeader = `{"alg":"dir","enc":"A256GCM","kid":"${b64u(k("s hs kid"))}","typ":"sealwire-sr+jwt"}`;
    expect(headerOf(sr!)).toBe(srHeader);
    const ready = JSON.parse(text((await compactDecrypt(sr!, k("s hs key"))).plaintext));
    expect(Object.keys(ready)).toEqual("th iat exp sub scp cb".split(" "));
    expect(ready.cb).toBe(b64u(k("cb")));
  });

  it("CA of a bearer token [header:exact]", async () => {
    const pair = await openPair({ protocol: "sealwire.v1.text", proof: "none" });
    const ca = sent(pair, "c2s")[1]!;
    const kid = b64u(pair.keys.get("c hs kid")!);
    expect(headerOf(ca)).toBe(`{"alg":"dir","enc":"A256GCM","kid":"${kid}","typ":"sealwire-ca+jwt"}`);
    const claims = JSON.parse(text((await compactDecrypt(ca, pair.keys.get("c hs key")!)).plaintext));
    expect(Object.keys(claims)).toEqual("aud iat exp th at".split(" "));
  });

  it("writes every segment in canonical base64url [b64:encode]", async () => {
    const pair = await openPair({ protocol: "sealwire.v1.text", codec: "json" });
    for (let n = 0; n <= 66; n++)
      await pair.client.session!.send(
        "t",
        Uint8Array.from({ length: n }, (_, i) => 255 - i),
      );
    const objects = sent(pair, "c2s").slice(1);
    expect(objects).toHaveLength(68);
    for (const segment of objects.flatMap((o) => o.split("."))) {
      expect(segment).toMatch(/^[A-Za-z0-9_-]*$/);
      expect(b64u(Buffer.from(segment, "base64url"))).toBe(segment);
    }
    for (const [n, object] of objects.slice(1).entries()) {
      const { bin } = await openMessage(ends(pair).client, object);
      expect(bin).toBe(b64u(Uint8Array.from({ length: n }, (_, i) => 255 - i)));
    }
  });
});

async function openControl(puppet: Puppet, object: string): Promise<Record<string, unknown>> {
  return JSON.parse(text((await compactDecrypt(object, puppet.key("key"))).plaintext));
}

async function openMessage(puppet: Puppet, object: string): Promise<Record<string, unknown>> {
  const { level, codec } = puppet.pair;
  const claims = await openLevel(level, object, puppet);
  return codec === "cbor" ? (decode(claims) as Record<string, unknown>) : JSON.parse(text(claims));
}

async function openLevel(level: string, object: string, puppet: Puppet): Promise<Uint8Array> {
  switch (level) {
    case "mac":
      return (await compactVerify(object, puppet.key("mac"))).payload;
    case "sig":
      return (await compactVerify(object, await publicKey(puppet.signer))).payload;
    case "aead":
      return (await compactDecrypt(object, puppet.key("key"))).plaintext;
    default: {
      const inner = text((await compactDecrypt(object, puppet.key("key"))).plaintext);
      expect(headerOf(inner)).toBe(JSON.stringify(puppet.signedHeader));
      return await openLevel("sig", inner, puppet);
    }
  }
}

describe("objects that stock jose made", () => {
  it.each(ROWS.map((r) => [name(r), r] as const))("%s: are opened, both ways", async (_, row) => {
    for (const as of ["client", "server"] as const) {
      const pair = await openPair({
        ...row,
        clientHooks: { authorize: () => true },
        serverHooks: { authorize: () => true },
      });
      const target = pair[as === "client" ? "server" : "client"];
      const got: unknown[] = [];
      target.session!.handle("t", (data) => {
        got.push(data);
      });
      const puppet = Puppet.seize(pair, as);
      const bytes = row.codec === "cbor" ? { dat: Buffer.of(7) } : { dat: undefined, bin: "Bw" };
      puppet.deliver(
        await puppet.message(),
        await puppet.message(puppet.claims({ dat: { a: [1, "ü"] } })),
        await puppet.control({ top: "ping" }),
        await puppet.message(puppet.claims(bytes)),
      );
      await until(() => got.length === 3 || target.info !== undefined, "three messages");
      expect(target.info).toBeUndefined();
      expect(got).toEqual([1, { a: [1, "ü"] }, Uint8Array.of(7)]);
    }
  });

  it("are what the other end made, byte for byte, where the algorithms are deterministic", async () => {
    const pair = await openPair({ protocol: "sealwire.v1.text", level: "nest", proof: "Ed25519", codec: "json" });
    await pair.client.session!.send("t", 1);
    const puppet = new Puppet(pair);
    expect(await puppet.compact()).toBe(sent(pair, "c2s")[2]);
  });
});
