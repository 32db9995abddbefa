// Inputs at and beyond each limit, and inputs that only a limit keeps from being costly.
import { hex, utf8 } from "../kit/bytes.ts";
import { cbor, head } from "../kit/cbor.ts";
import { AUD, BND, CLAIMS, type Codec, EXP, ISS, type Members } from "./claims-sheet.ts";
import { CLOCK, type Generator, Group } from "./file.ts";
import { costs, sizes } from "./limits-cost.ts";
import { $hex, around, asHex, context, options } from "./limits-samples.ts";

const LIMIT = ["limit:claims"];
const DEPTH = 32;
const MEMBERS = 256;
const NODES = 100_000;

export const generate: Generator = () => [
  claims("json"),
  claims("cbor"),
  strings("json"),
  strings("cbor"),
  control(),
  sizes(),
  costs(),
];

function claims(codec: Codec): Group {
  const group = new Group(`limits/claims-${codec}`, { ...options, context: context(codec) });
  const json = codec === "json";
  const [before, after] = around(codec);
  const pair = (
    name: string,
    from: string,
    to: string,
    req: readonly string[],
    input: (n: number) => unknown,
    limit: number,
  ): void => {
    group.accept(`${name}-${limit}`, from, req, { bytes: input(limit) }, { seq: 1, exp: EXP });
    group.refuse(`${name}-${limit + 1}`, `${name}-${limit}`, to, req, { bytes: input(limit + 1) }, CLAIMS);
  };
  // The claims are depth 1, so that dat starts at 2.
  const arrays = (depth: number): unknown => {
    const n = depth - 2;
    const open = (json ? "5b" : "81").repeat(n);
    return $hex({
      prefix: before + open,
      repeat: json ? "5b5d" : "80",
      n: 1,
      suffix: (json ? "5d".repeat(n) : "") + after,
    });
  };
  const objects = (depth: number): unknown => {
    const n = depth - 2;
    const open = json ? asHex('{"a":') : "a16161";
    return $hex({
      prefix: before + open.repeat(n),
      repeat: json ? "7b7d" : "a0",
      n: 1,
      suffix: (json ? "7d".repeat(n) : "") + after,
    });
  };
  pair("depth-arrays", "arrays down to the greatest depth", "one level more", LIMIT, arrays, DEPTH);
  pair("depth-objects", "objects down to the greatest depth", "one level more", LIMIT, objects, DEPTH);
  const [unknownBefore, unknownAfter] = around(codec, "x");
  const unknown = (depth: number): unknown =>
    $hex({
      prefix: unknownBefore,
      repeat: json ? "5b" : "81",
      n: depth - 2,
      suffix: json ? `5b5d${"5d".repeat(depth - 2)}${unknownAfter}` : "80",
    });
  pair("depth-unknown", "the same in an unknown claim", "one level more", [...LIMIT, "claims:unknown"], unknown, DEPTH);
  const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `k${i}`);
  const object = (count: number, filled: Members = {}): Members => ({
    ...filled,
    ...Object.fromEntries(names(count).map((name) => [name, 0])),
  });
  const encode = (members: Members): string => hex(json ? utf8(JSON.stringify(members)) : cbor(members));
  const base = { seq: 1, exp: EXP, top: "a" };
  pair(
    "members",
    "an object of the greatest size",
    "one member more",
    LIMIT,
    (n) => encode({ ...base, dat: object(n) }),
    MEMBERS,
  );
  pair(
    "members-claims",
    "claims with as many members",
    "one claim more",
    LIMIT,
    (n) => encode(object(n - 3, base)),
    MEMBERS,
  );
  // The claims object, seq, exp, top and the array itself are five values.
  const elements = (nodes: number): unknown => {
    const n = nodes - 5;
    if (json) return $hex({ prefix: `${before}5b30`, repeat: "2c30", n: n - 1, suffix: `5d${after}` });
    return $hex({ prefix: before + hex(head(4, n)), repeat: "00", n });
  };
  pair("nodes", "as many values as admitted, all in all", "one value more", LIMIT, elements, NODES);
  const items = (count: number): unknown => {
    const whole = { seq: 1, exp: EXP };
    const one = ["a", null, 0];
    if (json)
      return $hex({
        prefix: `${asHex(JSON.stringify(whole)).slice(0, -2)}${asHex(`,"bat":[${JSON.stringify(one)}`)}`,
        repeat: asHex(`,${JSON.stringify(one)}`),
        n: count - 1,
        suffix: asHex("]}"),
      });
    const opening = cbor({ ...whole, bat: null });
    return $hex({ prefix: hex(opening.subarray(0, -1)) + hex(head(4, count)), repeat: hex(cbor(one)), n: count });
  };
  pair("batch", "a batch of the greatest size", "one item more", ["batch:shape"], items, 256);
  const ref = (index: number): unknown => encode({ ...base, ref: [7, index], dat: 0 });
  pair("ref-index", "the last item that a batch can have", "one more", ["req:ref-shape"], ref, 255);
  return group;
}

/** Lengths of identifiers and topics. */
function strings(codec: Codec): Group {
  const group = new Group(`limits/strings-${codec}`, { ...options, context: context(codec, "sig") });
  const base = { iss: ISS, aud: AUD, bnd: BND, seq: 1, iat: CLOCK, exp: EXP, top: "a", dat: 0 };
  for (const [claim, limit] of [
    ["iss", 256],
    ["aud", 256],
    ["top", 128],
  ] as const) {
    const bytes = (length: number): Members => {
      const members = { ...base, [claim]: "x".repeat(length) };
      return { bytes: hex(codec === "json" ? utf8(JSON.stringify(members)) : cbor(members)) };
    };
    group.accept(`${claim}-${limit}`, `${claim} of ${limit} characters`, ["claims:table"], bytes(limit), { seq: 1 });
    group.refuse(
      `${claim}-${limit + 1}`,
      `${claim}-${limit}`,
      "one character more",
      ["claims:table"],
      bytes(limit + 1),
      CLAIMS,
    );
  }
  return group;
}

/** The same limits hold for a control message. */
function control(): Group {
  const group = new Group("limits/control", { ...options, context: { kind: "control" } });
  const ping = '{"seq":3,"top":"ping","rcv":2,"x":';
  const nested = (depth: number): object =>
    $hex({ prefix: asHex(ping), repeat: "5b", n: depth - 1, suffix: `${"5d".repeat(depth - 1)}7d` });
  const members = (count: number): string => {
    const names = Array.from({ length: count - 3 }, (_, i) => `"k${i}":0`);
    return asHex(`{"seq":3,"top":"ping","rcv":2,${names.join(",")}}`);
  };
  const elements = (nodes: number): object =>
    $hex({ prefix: asHex(`${ping}[0`), repeat: "2c30", n: nodes - 6, suffix: "5d7d" });
  for (const [name, input, limit] of [
    ["depth", nested, DEPTH],
    ["members", members, MEMBERS],
    ["nodes", elements, NODES],
  ] as const) {
    group.accept(
      `${name}-${limit}`,
      `${name} at the limit, in a member that is ignored`,
      LIMIT,
      { bytes: input(limit) },
      { seq: 3, rcv: 2 },
    );
    group.refuse(`${name}-${limit + 1}`, `${name}-${limit}`, "one more", LIMIT, { bytes: input(limit + 1) }, CLAIMS);
  }
  return group;
}
