import { describe, expect, it } from "vitest";
import { generateKey } from "../../src/keys/generate.ts";
import { settle, until } from "../support/clock.ts";
import { attacked, CLAIMS, claims, expectFatal, type Make, type Verdict, WIRES } from "../support/messages.ts";
import { openPair, SERVER_ID } from "../support/pair.ts";
import { Puppet } from "../support/puppet.ts";
import { expectRefusal } from "../support/tamper.ts";

// Levels sig and nest: whose signature it is, for whom, on which connection.

const KEY: Verdict = { code: "E_KEY", stage: "claims", close: 4501 };
const BINDING: Verdict = { code: "E_BINDING", stage: "claims", close: 4501 };
const INNER: Verdict = { code: "E_CRYPTO", stage: "inner", close: 4501 };
const OTHER = (await generateKey("ES256")).privateJwk;

describe.each(["sig", "nest"] as const)("%s", (level) => {
  const at = (i: number) => ({ level, protocol: WIRES[i % 2]! });

  it.each([
    ["another name", "mallory"],
    ["the receiver's", SERVER_ID],
    ["another thumbprint", "A".repeat(43)],
  ])("iss: %s [claims:iss]", async (_, iss) => {
    for (const i of [0, 1]) await expectFatal(claims({ iss }), KEY, at(i));
  });
  it("iss of a server in other case [claims:iss]", () =>
    expectFatal(claims({ iss: SERVER_ID.toUpperCase() }), KEY, at(0), "server"));

  it.each([
    ["aud of another server", { aud: "https://other.example" }],
    ["aud in other case", { aud: SERVER_ID.toUpperCase() }],
    ["bnd of nobody", { bnd: "A".repeat(22) }],
  ])("%s [claims:binding]", async (_, overrides) => {
    for (const i of [0, 1]) await expectFatal(claims(overrides), BINDING, at(i));
  });
  it("bnd of the other direction [claims:binding]", async () => {
    const make: Make = (p) => p.message(p.claims({ bnd: new Puppet(p.pair, "server").kid }));
    await expectFatal(make, BINDING, at(0));
  });
  it("aud of another client, from the server [claims:binding]", () =>
    expectFatal(claims({ aud: "A".repeat(43) }), BINDING, at(1), "server"));
  it("a message that was signed on another connection [claims:binding]", async () => {
    const first = new Puppet(await openPair({ ...at(0), codec: "json" }));
    const bound = first.claims();
    // The same signer on a second connection: everything fits but `bnd`.
    await expectFatal((p) => p.message(p.claims({ bnd: bound.bnd })), BINDING, at(0));
  });

  it.each([
    ["syntax before iss", { iss: "mallory", exp: "x" }, CLAIMS],
    ["iss before aud", { iss: "mallory", aud: "x" }, KEY],
    ["aud before bnd, bnd before seq", { bnd: "A".repeat(22), seq: 7 }, BINDING],
    ["seq before ref", { seq: 7, ref: 9 }, { code: "E_SEQ", stage: "claims", close: 4502 } as const],
  ])("%s [level:order]", async (_, overrides, verdict) => {
    await expectFatal((p) => p.message(p.claims(overrides), { seq: 1 }), verdict, at(0));
  });

  it("gives the application what an auditor needs", async () => {
    const { puppet, pair } = await attacked(at(0));
    const got: unknown[] = [];
    pair.server.session!.handle("u", (_, { message }) => {
      got.push(message.signed);
    });
    puppet.deliver(await puppet.message(puppet.claims({ top: "u" })));
    await until(() => got.length === 1, "the message");
    const { kty, crv, x, y } = pair.clientKey!;
    expect(got).toEqual([{ jws: expect.stringMatching(/^ey[\w-]+\.[\w-]+\.[\w-]+$/), jwk: { kty, crv, x, y } }]);
  });
});

describe("the signer's header at sig [header:not-in-table]", () => {
  const HEADER: Verdict = { code: "E_HEADER", stage: "header", close: 4400 };
  it.each([
    ["another kid", { kid: "A".repeat(43) }],
    ["another alg", { alg: "Ed25519" }],
    ["with a jwk", { jwk: { kty: "OKP" } }],
    ["the other codec's cty", { cty: "sealwire+cbor" }],
  ])("%s", async (_, members) => {
    const make: Make = async (p) => {
      const [, payload, signature] = (await p.compact()).split(".");
      const header = Buffer.from(JSON.stringify({ ...p.signedHeader, ...members })).toString("base64url");
      return `${header}.${payload}.${signature}`;
    };
    await expectFatal(make, HEADER, { level: "sig", protocol: "sealwire.v1.text" });
  });
});

describe("inside nest", () => {
  const plaintext =
    (content: string | ((jws: string) => string)): Make =>
    async (p) => {
      const jws = await p.sign(p.signedHeader, p.encode(p.claims()), p.signer);
      const plain = Buffer.from(typeof content === "string" ? content : content(jws), "latin1");
      return p.toWire(await p.encrypt(p.header, plain, 1), 0, 1);
    };
  const inner =
    (members: object): Make =>
    (p) =>
      p.message(p.claims(), { inner: { ...p.signedHeader, ...members } });
  const nest = (i: number) => ({ level: "nest", protocol: WIRES[i]! }) as const;

  describe("no compact JWS [level:nest-encoding]", () => {
    const malformed: Verdict = { code: "E_MALFORMED", stage: "inner", close: 4400 };
    const b64: Verdict = { code: "E_B64", stage: "inner", close: 4400 };
    it.each([
      ["the claims alone", plaintext('{"seq":1}'), malformed],
      ["nothing", plaintext(""), malformed],
      ["a JWE", plaintext("e30..AAAAAAAAAAAAAAAA.AA.AAAAAAAAAAAAAAAAAAAAAA"), malformed],
      ["two segments", plaintext((jws) => jws.split(".").slice(0, 2).join(".")), malformed],
      ["four segments", plaintext((jws) => `${jws}.`), malformed],
      ["an empty header", plaintext((jws) => jws.slice(jws.indexOf("."))), malformed],
      ["a padded segment", plaintext((jws) => `${jws}==`), b64],
      ["a line break at the end", plaintext((jws) => `${jws}\n`), b64],
      ["pad bits", plaintext((jws) => `${jws.slice(0, -1)}${jws.endsWith("A") ? "B" : "_"}`), b64],
      ["a byte beyond ASCII", plaintext((jws) => `\xe4${jws}`), b64],
    ] as const)("%s", async (_, make, verdict) => {
      for (const i of [0, 1]) await expectFatal(make, verdict, nest(i));
    });
  });

  describe("another header or signature [level:nest-inner]", () => {
    it.each([
      ["another kid", inner({ kid: "A".repeat(43) })],
      ["another typ", inner({ typ: "JWT" })],
      ["the other codec's cty", inner({ cty: "sealwire+cbor" })],
      ["a member more", inner({ iat: 1 })],
      [
        "members in another order",
        (p: Puppet) => p.message(p.claims(), { inner: Object.fromEntries(Object.entries(p.signedHeader).reverse()) }),
      ],
      ["a signature by another key", (p: Puppet) => p.message(p.claims(), { signer: OTHER })],
      [
        "a flipped signature",
        plaintext((jws) => jws.replace(/\.([^.])([^.]*)$/, (_, first, rest) => `.${first === "A" ? "B" : "A"}${rest}`)),
      ],
      [
        "another header over a right signature",
        plaintext((jws) => `eyJhbGciOiJub25lIn0${jws.slice(jws.indexOf("."))}`),
      ],
      ["no signature", plaintext((jws) => jws.slice(0, jws.lastIndexOf(".") + 1))],
      ["alg none", plaintext((jws) => `eyJhbGciOiJub25lIn0.${jws.split(".")[1]}.`)],
      ["other claims under the signature", plaintext((jws) => jws.replace(/\.[^.]+\./, ".e30."))],
      [
        "a wrong header, and claims that are none [level:order]",
        (p: Puppet) => p.message("x", { inner: { ...p.signedHeader, typ: "JWT" } }),
      ],
    ] as const)("%s", async (_, make) => {
      for (const i of [0, 1]) await expectFatal(make, INNER, nest(i));
    });
  });

  it("the inner JWS cannot be sent without its envelope [wire:form]", async () => {
    const make: Make = (p) => p.sign(p.signedHeader, p.encode(p.claims()), p.signer);
    await expectFatal(make, { code: "E_HEADER", stage: "header", close: 4400 }, nest(1));
  });

  it("a peer learns nothing but the coarse name: bad tag, bad signature and bad key look alike", async () => {
    const makes: Make[] = [
      (p) => p.message(p.claims(), { signer: OTHER }),
      inner({ kid: "A".repeat(43) }),
      claims({ bnd: "A".repeat(22) }),
      claims({ iss: "x" }),
    ];
    const byes = [];
    for (const make of makes) {
      const { pair, puppet } = await attacked({ level: "nest" });
      puppet.deliver(await make(puppet));
      await until(() => pair.server.info !== undefined, "the end");
      await settle();
      byes.push(await puppet.controls(), pair.link.server.closedWith);
      await expectRefusal(pair, {
        side: "server",
        code: pair.server.info!.error!.code,
        stage: pair.server.info!.error!.stage,
        close: 4501,
      });
    }
    for (const i of [2, 4, 6]) expect([byes[i], byes[i + 1]]).toEqual([byes[0], byes[1]]);
  });
});
