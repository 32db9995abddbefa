// Claims of standalone envelopes, read and written.
import { b64u, hex, json, labelled } from "../kit/bytes.ts";
import { CLAIMS, type Members } from "./claims-sheet.ts";
import { CLOCK, Group } from "./file.ts";

const SECTION = "envelope.md#132-claims";
const TABLE = ["standalone:claims"];
const JTI = b64u(labelled("claims jti").subarray(0, 16));
const REF = b64u(labelled("claims jti answered").subarray(0, 16));
const HONEST: Members = {
  iss: "https://sender.example",
  aud: "https://receiver.example",
  jti: JTI,
  iat: CLOCK,
  exp: CLOCK + 60,
  top: "order.placed",
  dat: { n: 1 },
};
const { dat: _, ...NAMED } = HONEST;
const READ: Members = { ...NAMED, data: HONEST.dat };

export const standalone = (): readonly Group[] => [reading(), writing()];

function reading(): Group {
  const context = { kind: "standalone", encrypted: false };
  const group = new Group("claims/standalone", {
    level: "L1",
    section: SECTION,
    op: "claims.read",
    context,
    fatal: false,
  });
  const bytes = (change: Members): { bytes: string } => ({ bytes: hex(json({ ...HONEST, ...change })) });
  const accept = (
    name: string,
    comment: string,
    change: Members,
    result: Members,
    more: Members = {},
    req = TABLE,
  ): unknown => group.accept(name, comment, req, { ...more, ...bytes(change) }, result);
  accept("plain", "honest claims", {}, READ);
  accept("ref", "an answer", { ref: REF }, { ...READ, ref: REF });
  accept("no-data", "neither dat nor bin: the data is null", { dat: undefined }, { data: null }, {}, [
    "claims:no-data",
  ]);
  accept("bin", "data as bytes", { dat: undefined, bin: "AP8" }, { data: { $bytes: "00ff" } });
  accept("iat-is-exp", "a life of no length", { iat: CLOCK + 60 }, { iat: CLOCK + 60 }, {}, ["time:exp-before-iat"]);
  accept("encrypted", "the same in an encrypted envelope", {}, READ, { encrypted: true });
  accept("encrypted-pad", "pad inside an encrypted one is ignored", { pad: "...." }, READ, { encrypted: true });
  accept(
    "unknown",
    "other claims are ignored, whatever their type",
    { sub: 1, nbf: "later", cnf: { a: [] } },
    READ,
    {},
    ["claims:unknown"],
  );
  const reversed = Object.fromEntries(Object.entries(HONEST).reverse());
  const comment = "the order of members is nothing a receiver checks";
  group.accept("order", comment, ["claims:order"], { bytes: hex(json(reversed)) }, READ);
  refusals(group, bytes);
  return group;
}

function refusals(group: Group, bytes: (change: Members) => { bytes: string }): void {
  const refuse = (name: string, from: string, mutation: string, change: Members, req = TABLE): unknown =>
    group.refuse(name, from, mutation, req, bytes(change), CLAIMS);
  const bad = (claim: string, from: string, values: Readonly<Record<string, unknown>>, req = TABLE): void => {
    for (const [name, value] of Object.entries(values)) {
      refuse(`${claim}-${name}`, from, `${claim}: ${JSON.stringify(value)}`, { [claim]: value }, req);
    }
  };
  for (const claim of Object.keys(NAMED)) refuse(`no-${claim}`, "plain", `${claim} left out`, { [claim]: undefined });
  for (const claim of ["iss", "aud"]) {
    bad(claim, "plain", {
      empty: "",
      space: "a b",
      umlaut: "bücher.example",
      number: 7,
      null: null,
      array: ["https://receiver.example"],
      long: "x".repeat(257),
    });
  }
  const lastBit = (id: string): string =>
    `${id.slice(0, -1)}${String.fromCharCode((id.at(-1) as string).charCodeAt(0) + 1)}`;
  for (const [claim, from, id] of [
    ["jti", "plain", JTI],
    ["ref", "ref", REF],
  ] as const) {
    const spellings = {
      short: id.slice(0, -1),
      long: `${id}A`,
      padding: `${id}==`,
      "pad-bits": lastBit(id),
      plus: `+${id.slice(1)}`,
      empty: "",
    };
    bad(claim, from, spellings, [...TABLE, "b64:member"]);
    bad(claim, from, { number: 7, null: null, array: [7, 0] });
  }
  for (const claim of ["iat", "exp"])
    bad(claim, "plain", { text: "1893456000", fraction: CLOCK + 0.5, negative: -1, null: null });
  bad("top", "plain", { empty: "", space: "order placed", long: "x".repeat(129), null: null });
  refuse("iat-after-exp", "iat-is-exp", "iat one second after exp", { iat: CLOCK + 61 }, ["time:exp-before-iat"]);
  refuse("pad", "plain", "pad in an envelope that is only signed", { pad: "...." });
  group.refuse(
    "pad-number",
    "encrypted-pad",
    "pad as a number",
    TABLE,
    { encrypted: true, ...bytes({ pad: 4 }) },
    CLAIMS,
  );
  const session: Members = { bnd: JTI, seq: 1, req: true, bat: [["a", null, 1]], rcv: 0 };
  for (const [claim, value] of Object.entries(session))
    refuse(`with-${claim}`, "plain", `${claim} of a session`, { [claim]: value });
  refuse("with-bin", "plain", "bin beside dat", { bin: "" });
  bad("bin", "bin", { padding: "AP8=", plain: "/w", number: 7 }, [...TABLE, "b64:member"]);
  refuse("constructor", "unknown", "a claim named constructor", { constructor: 1 }, ["claims:proto"]);
  const proto = Object.fromEntries([["__proto__", 1]]);
  refuse("proto-in-dat", "plain", "a member __proto__ in the data", { dat: proto }, ["claims:proto"]);
  const text = (name: string, from: string, mutation: string, value: string, req: string): unknown =>
    group.refuse(name, from, mutation, [req], { bytes: hex(json(value)) }, CLAIMS);
  const plain = JSON.stringify(HONEST);
  text("twice-aud", "plain", "aud twice", plain.replace(/}$/, ',"aud":"https://other.example"}'), "json:duplicate");
  text(
    "exp-point",
    "plain",
    "exp with a fraction of zero",
    plain.replace(`${CLOCK + 60}`, `${CLOCK + 60}.0`),
    "json:integer",
  );
  text("exp-2-53", "plain", "exp 2^53", plain.replace(`${CLOCK + 60}`, "9007199254740992"), "json:integer");
  text("array", "plain", "the object in an array", `[${plain}]`, "json:text");
  text("bom", "plain", "a byte order mark", `\ufeff${plain}`, "json:text");
  text("lone", "plain", "half a surrogate pair in the data", plain.replace('{"n":1}', '"\\ud83d"'), "json:value");
}

function writing(): Group {
  const group = new Group("claims/write-standalone", {
    level: "L1",
    section: SECTION,
    op: "claims.write",
    context: { kind: "standalone" },
  });
  const order = ["claims:order"];
  const accept = (name: string, comment: string, claims: Members, data: unknown, payload: Members): unknown =>
    group.accept(name, comment, order, { ...claims, data }, { bytes: hex(json({ ...claims, ...payload })) });
  accept("plain", "the members in the order of the table", NAMED, { n: 1 }, { dat: { n: 1 } });
  accept("ref", "ref after top", { ...NAMED, ref: REF }, "yes", { dat: "yes" });
  accept("bytes", "bytes", NAMED, { $bytes: "00ff" }, { bin: "AP8" });
  accept("null", "null is written", NAMED, null, { dat: null });
  const refuse = (name: string, mutation: string, change: Members, req: string): unknown =>
    group.refuse(name, "plain", mutation, [req], { ...READ, ...change }, ["TypeError", "local"]);
  refuse("proto", "a member named __proto__", { data: Object.fromEntries([["__proto__", 1]]) }, "claims:data-model");
  refuse("top-space", "a topic with a space", { top: "order placed" }, "standalone:claims");
  refuse("aud-space", "an aud with a space", { aud: "a b" }, "standalone:claims");
  refuse("iss-empty", "an empty iss", { iss: "" }, "standalone:claims");
  return group;
}
