import { describe, expect, it } from "vitest";
import { DEFAULT_LIMITS, type ErrorCode } from "../../src/registry.generated.ts";
import { open } from "../../src/standalone/open.ts";
import { BAD_P256, BAD_X25519, nextPad } from "../support/keys.ts";
import { b64u, sealCompact, signCompact } from "../support/raw.ts";
import {
  ALICE,
  BOB,
  craft,
  type Edit,
  expectOpened,
  expectRefused,
  failureOf,
  KEYS,
  type Kind,
  type Loose,
  OPTIONS,
  printOf,
  publicOf,
  wireJwk,
} from "./fixtures.ts";

type Row = readonly [name: string, edit: Edit];
const KINDS: readonly Kind[] = ["signed", "encrypted"];

/** The header that is looked at in step header. */
const outermost = (kind: Kind, change: (header: Loose) => unknown): Edit => {
  return (parts) => change(kind === "signed" ? parts.header : parts.outer);
};

/** The same header as JSON text, so that it can be what no object is. */
const asText = (kind: Kind, change: (text: string) => string): Edit => {
  return (parts) => {
    const member = kind === "signed" ? "header" : "outer";
    parts[member] = change(JSON.stringify(parts[member]));
  };
};

function refuses(kind: Kind, code: ErrorCode, rows: readonly Row[], x25519 = false): void {
  it.each(rows)(`${kind}: %s is ${code}`, async (_, edit) => {
    await expectRefused(craft(kind, edit, x25519), code, "header");
  });
}

describe.each(KINDS)("%s: members [header:allow-list]", (kind) => {
  const foreign = [
    "crit",
    "zip",
    "b64",
    "jku",
    "jwk",
    "x5u",
    "x5c",
    "x5t",
    "p2c",
    "p2s",
    "apu",
    "apv",
    "iv",
    "tag",
    "x",
  ];
  const wrongHere = kind === "signed" ? [...foreign, "enc", "epk"] : foreign;
  refuses(kind, "E_HEADER", [
    ...wrongHere.map((member): Row => [`with ${member}`, outermost(kind, (h) => Object.assign(h, { [member]: "x" }))]),
    ["crit with b64 false", outermost(kind, (h) => Object.assign(h, { b64: false, crit: ["b64"] }))],
    ["typ twice", asText(kind, (t) => t.replace('"typ"', '"typ":"x","typ"'))],
    ["alg twice, once escaped", asText(kind, (t) => t.replace('"kid"', '"\\u0061lg":"none","kid"'))],
    ["an array", asText(kind, (t) => `[${t}]`)],
    ["no JSON", asText(kind, (t) => t.slice(0, -1))],
    ["trailing text", asText(kind, (t) => `${t}x`)],
    ["a byte order mark", asText(kind, (t) => `\ufeff${t}`)],
    ["a lone surrogate", outermost(kind, (h) => Object.assign(h, { typ: "\ud800" }))],
    ["__proto__", asText(kind, (t) => t.replace("{", '{"__proto__":1,'))],
    ["larger than the limit", asText(kind, (t) => `${t.slice(0, -1)}${" ".repeat(DEFAULT_LIMITS.headerBytes)}}`)],
    [
      "nested too deep",
      outermost(kind, (h) => Object.assign(h, { kid: JSON.parse(`${"[".repeat(32)}${"]".repeat(32)}`) })),
    ],
  ]);

  it("white space and another order of members are no fault", async () => {
    const edit = asText(kind, (t) =>
      JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(t)).reverse()), null, " "),
    );
    await expectOpened(craft(kind, edit));
  });
});

const OTHER_TYPES = [
  "at+jwt",
  "dpop+jwt",
  "secevent+jwt",
  "JWT",
  "sealwire+jwt",
  "sealwire-ctl+jwt",
  "sealwire-sh+jwt",
  "sealwire-ca+jwt",
  "sealwire-auth+jwt",
  "sealwire-sr+jwt",
  "sealwire-ch+jwt",
  "sealwire-envi+jwt",
];

describe.each(KINDS)("%s: typ [header:typ]", (kind) => {
  const good = kind === "signed" ? "sealwire-env+jwt" : "sealwire-envx+jwt";
  const swapped = kind === "signed" ? "sealwire-envx+jwt" : "sealwire-env+jwt";
  refuses(kind, "E_TYP", [
    ...[...OTHER_TYPES, swapped, `application/${good}`, good.toUpperCase(), `${good} `, 1, null].map(
      (typ): Row => [`typ ${typ}`, outermost(kind, (h) => Object.assign(h, { typ }))],
    ),
    ["no typ", outermost(kind, (h) => delete h.typ)],
  ]);
});

describe("objects that are no envelope [header:typ] [header:allow-list]", () => {
  const kid = printOf(KEYS.alice);
  const claims = { iss: ALICE, aud: BOB, sub: "alice", iat: 1, exp: 2 ** 40, jti: "x" };
  const jws: readonly (readonly [string, object, ErrorCode])[] = [
    ["an access token", { alg: "ES256", kid, typ: "at+jwt" }, "E_TYP"],
    ["a DPoP proof", { typ: "dpop+jwt", alg: "ES256", jwk: wireJwk(KEYS.alice) }, "E_HEADER"],
    ["a security event", { typ: "secevent+jwt", alg: "ES256", kid }, "E_TYP"],
    ["an ID token", { alg: "ES256", kid }, "E_TYP"],
    ["a token with alg none", { alg: "none" }, "E_TYP"],
    ["SH", { alg: "ES256", kid, typ: "sealwire-sh+jwt" }, "E_TYP"],
    ["the inner JWS of CA", { alg: "ES256", jwk: wireJwk(KEYS.alice), typ: "sealwire-auth+jwt" }, "E_HEADER"],
    ["a message at mac", { alg: "HS256", kid: "A".repeat(22), typ: "sealwire+jwt" }, "E_TYP"],
    [
      "a message at mac, codec cbor",
      { alg: "HS256", cty: "sealwire+cbor", kid: "A".repeat(22), typ: "sealwire+jwt" },
      "E_TYP",
    ],
    ["a message at sig", { alg: "ES256", kid, typ: "sealwire+jwt" }, "E_TYP"],
    ["a message at sig, codec cbor", { alg: "ES256", cty: "sealwire+cbor", kid, typ: "sealwire+jwt" }, "E_TYP"],
    ["the inner JWS of an encrypted envelope", { alg: "ES256", kid, typ: "sealwire-envi+jwt" }, "E_TYP"],
  ];
  it.each(jws)("%s", async (_, header, code) => {
    await expectRefused(signCompact(header, claims, KEYS.alice), code, "header");
  });

  const K = { kid: "A".repeat(22) };
  const jwe: readonly (readonly [string, object, ErrorCode])[] = [
    ["a message at aead", { alg: "dir", enc: "A256GCM", ...K, typ: "sealwire+jwt" }, "E_TYP"],
    ["a message at nest", { alg: "dir", enc: "A256GCM", cty: "JWT", ...K, typ: "sealwire+jwt" }, "E_TYP"],
    ["a control message", { alg: "dir", enc: "A256GCM", ...K, typ: "sealwire-ctl+jwt" }, "E_TYP"],
    ["CA with proof", { alg: "dir", enc: "A256GCM", cty: "JWT", ...K, typ: "sealwire-ca+jwt" }, "E_TYP"],
    ["CA bearer", { alg: "dir", enc: "A256GCM", ...K, typ: "sealwire-ca+jwt" }, "E_TYP"],
    ["SR", { alg: "dir", enc: "A256GCM", ...K, typ: "sealwire-sr+jwt" }, "E_TYP"],
    ["an encrypted ID token", { alg: "ECDH-ES", enc: "A256GCM", epk: wireJwk(KEYS.ephemeralP256) }, "E_TYP"],
    ["a password-based JWE", { alg: "PBES2-HS256+A128KW", enc: "A256GCM", p2c: 1e9, p2s: "x" }, "E_HEADER"],
  ];
  it.each(jwe)("%s", async (_, header, code) => {
    await expectRefused(sealCompact(header, Buffer.alloc(32), Buffer.alloc(12), Buffer.from("{}")), code, "header");
  });

  it("bare JSON, also the JSON serialization of the very same JWS [wire:form]", async () => {
    const [header, payload, signature] = craft("signed").split(".");
    for (const value of [{ typ: "sealwire-ch" }, { protected: header, payload, signature }]) {
      await expectRefused(JSON.stringify(value), "E_HEADER", "header");
    }
  });
});

describe("the signer's key [standalone:signer]", () => {
  refuses("signed", "E_KEY", [
    ["a thumbprint that nobody has", (p) => Object.assign(p.header, { kid: b64u(Buffer.alloc(32, 1)) })],
    ["no kid", (p) => delete p.header.kid],
    ["a number", (p) => Object.assign(p.header, { kid: 1 })],
    ["a name", (p) => Object.assign(p.header, { kid: "alice-1" })],
    [
      "the thumbprint with other pad bits",
      (p) => Object.assign(p.header, { kid: printOf(KEYS.alice).slice(0, -1) + nextPad(printOf(KEYS.alice)) }),
    ],
    ["the own decryption key", (p) => Object.assign(p.header, { kid: printOf(KEYS.bobP256) })],
    ["a name of Object.prototype", (p) => Object.assign(p.header, { kid: "constructor" })],
  ]);
});

describe("alg of a signed envelope [header:alg]", () => {
  refuses(
    "signed",
    "E_ALG",
    ["Ed25519", "EdDSA", "HS256", "none", "ES256K", "es256", "PS256", 1].map(
      (alg): Row => [`alg ${alg}`, (p) => Object.assign(p.header, { alg })],
    ),
  );
  refuses("signed", "E_ALG", [["no alg", (p) => delete p.header.alg]]);
});

describe("cty [standalone:cty]", () => {
  refuses("signed", "E_CTY", [
    ["JWT", (p) => Object.assign(p.header, { cty: "JWT" })],
    ["sealwire+cbor", (p) => Object.assign(p.header, { cty: "sealwire+cbor" })],
  ]);
  refuses("encrypted", "E_CTY", [
    ["none", (p) => delete p.outer.cty],
    ["jwt", (p) => Object.assign(p.outer, { cty: "jwt" })],
    ["application/JWT", (p) => Object.assign(p.outer, { cty: "application/JWT" })],
    ["sealwire+cbor", (p) => Object.assign(p.outer, { cty: "sealwire+cbor" })],
  ]);
});

describe("the recipient key [standalone:recipient]", () => {
  refuses("encrypted", "E_KEY", [
    [
      "of somebody else",
      (p) => Object.assign(p, { recipient: KEYS.otherP256, outer: { ...p.outer, kid: printOf(KEYS.otherP256) } }),
    ],
    ["the signer's key", (p) => Object.assign(p.outer, { kid: printOf(KEYS.alice) })],
    ["no kid", (p) => delete p.outer.kid],
    ["an object", (p) => Object.assign(p.outer, { kid: {} })],
  ]);

  it("an opener without decryption key knows none", async () => {
    const { decryptionKey: _, ...without } = OPTIONS;
    expect(await failureOf(() => open(craft("encrypted"), without))).toMatchObject({ code: "E_KEY", stage: "header" });
  });
});

describe("enc and alg of an encrypted envelope [standalone:enc]", () => {
  refuses("encrypted", "E_ALG", [
    ...["ECDH-ES+A256KW", "dir", "RSA-OAEP", "A256KW", "none", 1].map(
      (alg): Row => [`alg ${alg}`, (p) => Object.assign(p.outer, { alg })],
    ),
    ...["A128GCM", "A256CBC-HS512", "a256gcm", null].map(
      (enc): Row => [`enc ${enc}`, (p) => Object.assign(p.outer, { enc })],
    ),
    ["no alg", (p) => delete p.outer.alg],
    ["no enc", (p) => delete p.outer.enc],
  ]);
});

describe("the ephemeral key [standalone:epk] [key:p256-point] [key:okp-point]", () => {
  const on =
    (epk: unknown): Edit =>
    (p) =>
      Object.assign(p.outer, { epk });
  const good = wireJwk(KEYS.ephemeralP256);
  refuses("encrypted", "E_KEY", [
    ["absent", (p) => delete p.outer.epk],
    ...[null, 1, "x", [], {}].map((epk): Row => [JSON.stringify(epk), on(epk)]),
    ["with alg", on({ ...good, alg: "ECDH-ES" })],
    ["with kid", on({ ...good, kid: "x" })],
    ["with d", on({ ...good, d: KEYS.ephemeralP256.d })],
    ["without y", on({ ...good, y: undefined })],
    ["with a number as x", on({ ...good, x: 1 })],
    ["an X25519 key for a P-256 recipient", on(wireJwk(KEYS.ephemeralX))],
    ["an Ed25519 key", on(wireJwk(KEYS.aliceEd))],
    ["P-384", on({ ...good, crv: "P-384" })],
    ...Object.entries(BAD_P256).map(([label, members]): Row => [label, on({ ...good, ...members })]),
  ]);
  refuses(
    "encrypted",
    "E_KEY",
    [
      ["a P-256 key for an X25519 recipient", on(good)],
      ["with y", on({ ...wireJwk(KEYS.ephemeralX), y: good.y })],
      ...Object.entries(BAD_X25519).map(
        ([label, members]): Row => [label, on({ kty: "OKP", crv: "X25519", ...members })],
      ),
    ],
    true,
  );

  it("a bad one is refused before the key agreement sees it", async () => {
    const pair = (await crypto.subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, false, [
      "deriveBits",
    ])) as CryptoKeyPair;
    const jwk = await crypto.subtle.exportKey("jwk", pair.publicKey);
    const kid = printOf(jwk as never);
    const bad = { ...good, y: b64u(Buffer.alloc(32, 1)) };
    const envelope = craft("encrypted", (p) => Object.assign(p.outer, { kid, epk: bad }));
    await expectRefused(envelope, "E_KEY", "header", { decryptionKey: pair });
  });
});

describe("the order of checks in step header [standalone:order]", () => {
  const faults: readonly (readonly [ErrorCode, (header: Loose) => void])[] = [
    ["E_HEADER", (h) => Object.assign(h, { crit: [] })],
    ["E_TYP", (h) => Object.assign(h, { typ: "JWT" })],
    ["E_KEY", (h) => Object.assign(h, { kid: "x" })],
    ["E_ALG", (h) => Object.assign(h, { alg: "none" })],
    ["E_CTY", (h) => Object.assign(h, { cty: "x" })],
  ];
  for (const kind of KINDS) {
    it.each(faults.map(([code], i) => [code, i] as const))(
      `${kind}: %s goes before what follows`,
      async (code, from) => {
        const edit = outermost(kind, (h) => {
          for (const [, fault] of faults.slice(from)) fault(h);
        });
        // Beyond the header everything else is wrong too.
        const all: Edit = (p) => {
          edit(p);
          p.claims = "{";
          p.signature = () => Buffer.alloc(64);
        };
        await expectRefused(craft(kind, all), code, "header");
      },
    );
  }
});

it("a key set of the issuer with several keys", async () => {
  const ed: Edit = (p) =>
    Object.assign(p, { key: KEYS.aliceEd, header: { ...p.header, alg: "Ed25519", kid: printOf(KEYS.aliceEd) } });
  await expectOpened(craft("signed", ed));
  await expectOpened(craft("encrypted", ed));
  await expectRefused(craft("signed", ed), "E_KEY", "header", { keys: { [ALICE]: { keys: [publicOf(KEYS.alice)] } } });
});
