import { describe, it } from "vitest";
import type { ErrorCode, Stage } from "../../src/registry.generated.ts";
import { BAD_P256, BAD_X25519, GOOD_P256, nextPad } from "../support/keys.ts";
import type { PairOptions } from "../support/pair.ts";
import { type Edits, expectClearRefusal, expectRefusal, tampered } from "../support/tamper.ts";

type Edit = NonNullable<Edits["ch"]>;
type Row = readonly [name: string, edit: Edit, options?: PairOptions];

const WIRES = ["sealwire.v1.cbor", "sealwire.v1.text"] as const;

/** Each row is refused by the server on both wires, in clear and with its close code. */
function refuses(rows: readonly Row[], code: ErrorCode, stage: Stage, close: number): void {
  for (const protocol of WIRES) {
    for (const [name, ch, options] of rows) {
      it(`${name}, ${protocol}`, async () => {
        const pair = await tampered({ ch }, { protocol, ...options });
        await expectClearRefusal(pair, { side: "server", code, stage, close });
      });
    }
  }
}

/** Each row is no fault: the server answers, and the client finds that the server saw another CH. */
function passes(rows: readonly Row[]): void {
  for (const protocol of WIRES) {
    for (const [name, ch, options] of rows) {
      it(`${name}, ${protocol}`, async () => {
        const pair = await tampered({ ch }, { protocol, ...options });
        await expectRefusal(pair, { side: "client", code: "E_TRANSCRIPT", stage: "claims", close: 4501 });
      });
    }
  }
}

/** Replaces text in the JSON of CH, for what JSON.stringify does not write. */
const text =
  (from: string | RegExp, to: string): Edit =>
  (ch) => {
    const before = JSON.stringify(ch);
    const after = before.replace(from, () => to);
    if (after === before) throw new Error("nothing was replaced");
    return after;
  };
const member = (name: string, value: unknown): Row => [
  `${name} = ${JSON.stringify(value)?.slice(0, 40)}`,
  (ch) => {
    ch[name] = value;
  },
];
const names = (n: number) => Array.from({ length: n }, (_, i) => `n${i}`);
const deep = (n: number) => JSON.parse(`${"[".repeat(n)}${"]".repeat(n)}`);
const MEMBERS = ["typ", "v", "rnd", "aud", "prt", "st", "kex", "lvl", "sig", "cod", "lim"];

describe("members of CH [hs:members]", () => {
  refuses(
    [
      ...MEMBERS.map((name): Row => [`without ${name}`, (ch) => delete ch[name]]),
      ...MEMBERS.map((name): Row => member(name, null)),
      ...MEMBERS.map((name): Row => member(name, name === "v" ? "1" : 7)),
      member("typ", "sealwire-err"),
      member("lvl", []),
      member("lvl", ["aead", "aead"]),
      member("lvl", ["aead", 1]),
      member("lvl", ["aead", ""]),
      member("lvl", ["aead", "x".repeat(65)]),
      member("lvl", names(17)),
      member("sig", []),
      member("cod", []),
      member("prt", []),
      member("prt", ["sealwire.v1.cbor", "chat"]),
      member(
        "prt",
        Array.from({ length: 9 }, (_, i) => `sealwire.v${i}`),
      ),
      member("kex", []),
      member("aud", ""),
      member("aud", "with space"),
      member("aud", "x".repeat(257)),
      member("lim", {}),
      member("lim", { msg: 65_535 }),
      member("lim", { msg: "65536" }),
      ["st twice the same", (ch) => Object.assign(ch, { st: ["x25519", "x25519"], kex: [ch.kex[0], ch.kex[0]] })],
      ["st without a key", (ch) => ch.st.push("p256")],
      ["five suites", (ch) => Object.assign(ch, { st: names(5), kex: names(5) })],
    ],
    "E_CLAIMS",
    "claims",
    4400,
  );
});

describe("base64url in CH [b64:member]", () => {
  const rnd =
    (change: (rnd: string) => string): Edit =>
    (ch) => {
      ch.rnd = change(ch.rnd);
    };
  refuses(
    [
      ["rnd with padding", rnd((r) => `${r}=`)],
      ["rnd with pad bits", rnd((r) => `${r.slice(0, -1)}${nextPad(r)}`)],
      ["rnd of 42 characters", rnd((r) => r.slice(0, 42))],
      ["rnd of 44 characters", rnd((r) => `${r}A`)],
      ["rnd with a space", rnd((r) => ` ${r.slice(1)}`)],
    ],
    "E_CLAIMS",
    "claims",
    4400,
  );
});

describe("JSON of CH", () => {
  refuses(
    [
      ["twice aud [json:duplicate]", text('"st":', '"aud":"x","st":')],
      ["twice aud, once escaped [json:duplicate]", text('"st":', '"\\u0061ud":"x","st":')],
      ["twice a name at depth 3 [json:duplicate]", text('"st":', '"x":[{"a":1,"a":2}],"st":')],
      ["a lone surrogate as value [json:value]", text('"st":', '"x":"\\ud800","st":')],
      ["a lone surrogate as name [json:value]", text('"st":', '"\\udfff":1,"st":')],
      ["1e400 [json:value]", text('"st":', '"x":1e400,"st":')],
      ["v = 1.0 [json:integer]", text('"v":1', '"v":1.0')],
      ["v = 1e0 [json:integer]", text('"v":1', '"v":1e0')],
      ["v = -0 [json:integer]", text('"v":1', '"v":-0')],
      ["lim.msg = 1048576.0 [json:integer]", text("1048576", "1048576.0")],
      ["lim.msg = 2^53 [json:integer]", text("1048576", "9007199254740992")],
      ["lim.msg of 17 digits [json:integer]", text("1048576", "10000000000000000")],
      ["lim.msg = 01048576 [json:text]", text("1048576", "01048576")],
      ["__proto__ at depth 1 [claims:proto]", text('"st":', '"__proto__":1,"st":')],
      ["__proto__ at depth 2 [claims:proto]", text('"msg"', '"__proto__":1,"msg"')],
      ["constructor [claims:proto]", text('"st":', '"constructor":1,"st":')],
      ["prototype [claims:proto]", text('"st":', '"prototype":1,"st":')],
      ["trailing text [json:text]", text(/$/, "{}")],
      ["a comma too many [json:text]", text(/}$/, ",}")],
      ["single quotes [json:text]", text('"typ"', "'typ'")],
      ["a raw control character [json:text]", text('"st":', '"x":"\u0001","st":')],
      ["depth 33 [limit:claims]", (ch) => Object.assign(ch, { x: deep(32) })],
      [
        "257 members [limit:claims]",
        (ch) => Object.assign(ch, { x: Object.fromEntries(names(257).map((n) => [n, 0])) }),
      ],
    ],
    "E_CLAIMS",
    "claims",
    4400,
  );
  const bytes =
    (change: (json: Buffer) => Buffer): Edit =>
    (ch) =>
      change(Buffer.from(JSON.stringify(ch)));
  it.each([
    ["a byte order mark", bytes((b) => Buffer.concat([Buffer.of(0xef, 0xbb, 0xbf), b]))],
    ["a byte 0xff", bytes((b) => Buffer.concat([b.subarray(0, -1), Buffer.from(',"x":"\xff"}', "latin1")]))],
    ["an array", bytes(() => Buffer.from("[]"))],
    ["a number", bytes(() => Buffer.from("1"))],
    ["nothing", bytes(() => Buffer.alloc(0))],
  ] as const)("%s, binary wire [json:text]", async (_, ch) => {
    const pair = await tampered({ ch });
    await expectClearRefusal(pair, { side: "server", code: "E_CLAIMS", stage: "claims", close: 4400 });
  });
  passes([
    ["a CH that was changed on its way [sh:th]", (ch) => Object.assign(ch, { rnd: "A".repeat(43) })],
    ["unknown members are ignored", (ch) => Object.assign(ch, { rs: { rcv: 1 }, x: [1.5] })],
    ["unknown members take any number [json:integer]", text('"lim":{', '"y":1.0,"lim":{"x":1e3,')],
    ["depth 32 [limit:claims]", (ch) => Object.assign(ch, { x: deep(31) })],
    ["256 members [limit:claims]", (ch) => Object.assign(ch, { x: Object.fromEntries(names(256).map((n) => [n, 0])) })],
    ["white space", (ch) => JSON.stringify(ch, null, 1)],
    ["constructor deeper down [claims:proto]", (ch) => Object.assign(ch, { x: { constructor: 1 } })],
    [
      "unknown names in every offer [ch:select]",
      (ch) => {
        for (const list of [ch.lvl, ch.sig, ch.cod]) list.unshift("later");
        ch.st.unshift("later");
        ch.kex.unshift("what a key of an unknown suite looks like is nobody's business");
      },
    ],
    ["a later subprotocol that this server does not speak", (ch) => ch.prt.unshift("sealwire.v9.x-y")],
  ]);
});

describe("keys in CH", () => {
  const p256 = { suite: "p256" } as const;
  const kex =
    (change: (jwk: Record<string, unknown>) => void): Edit =>
    (ch) =>
      change(ch.kex[0]);
  const merge = (members: object): Edit => kex((jwk) => Object.assign(jwk, members));
  describe("other members than the suite's [key:jwk-members]", () => {
    refuses(
      [
        ["alg", merge({ alg: "ECDH-ES" })],
        ["key_ops", merge({ key_ops: [] })],
        ["y beside an X25519 key", merge({ y: GOOD_P256.y })],
        ["no y", kex((jwk) => delete jwk.y), p256],
        ["y as a number", merge({ y: 1 }), p256],
        ["x missing", kex((jwk) => delete jwk.x)],
        ["a P-256 key for x25519", merge(GOOD_P256)],
        ["an Ed25519 key for x25519", merge({ crv: "Ed25519" })],
        ["kty RSA", merge({ kty: "RSA" })],
        ["no object", (ch) => Object.assign(ch, { kex: [null] })],
        ["a private key", merge({ d: "A".repeat(43) })],
      ],
      "E_CLAIMS",
      "claims",
      4400,
    );
  });
  describe("points [key:p256-point] [key:okp-point]", () => {
    refuses(
      [
        ...Object.entries(BAD_P256).map(([name, m]): Row => [`P-256: ${name}`, merge(m), p256]),
        ...Object.entries(BAD_X25519).map(([name, m]): Row => [`X25519: ${name}`, merge(m)]),
        [
          "a bad key of a known suite that is not selected",
          (ch) => {
            ch.st.push("p256");
            ch.kex.push({ ...GOOD_P256, y: GOOD_P256.x });
          },
        ],
      ],
      "E_KEY",
      "claims",
      4501,
    );
  });
});

describe("what CH asks for", () => {
  const other = (list: string): Row => [
    `nothing in ${list} [ch:none]`,
    (ch) => Object.assign(ch, { [list]: ["later"] }),
  ];
  refuses(
    [
      ["version 2 [ch:version]", (ch) => Object.assign(ch, { v: 2 })],
      ["version 0 [ch:version]", (ch) => Object.assign(ch, { v: 0 })],
      ["another server [ch:aud]", (ch) => Object.assign(ch, { aud: "https://other.example" })],
      ["the server in other case [ch:aud]", (ch) => Object.assign(ch, { aud: "https://SERVER.example" })],
      other("lvl"),
      other("sig"),
      other("cod"),
      other("st"),
      [
        "another server, and a bad point",
        (ch) => {
          ch.aud = "https://other.example";
          ch.kex[0].x = "A".repeat(43);
        },
      ],
      [
        "no level, and a bad point",
        (ch) => {
          ch.lvl = ["later"];
          ch.kex[0].x = "A".repeat(43);
        },
      ],
    ],
    "E_NEGOTIATE",
    "claims",
    4406,
  );
  refuses(
    [
      ["prt without the selected one [ch:prt]", (ch) => Object.assign(ch, { prt: ["sealwire.v2.x"] })],
      [
        "prt from which another would be selected [ch:prt]",
        (ch) =>
          Object.assign(ch, { prt: ["sealwire.v1.cbor", "sealwire.v1.text"].sort((a) => (a === ch.prt[0] ? 1 : -1)) }),
      ],
      ["prt, and another server", (ch) => Object.assign(ch, { prt: ["sealwire.v2.x"], aud: "x" })],
    ],
    "E_DOWNGRADE",
    "claims",
    4406,
  );
  refuses([["syntax before version", (ch) => Object.assign(ch, { v: 2, lvl: [] })]], "E_CLAIMS", "claims", 4400);
});
