// Control messages: their members, topics and codes.
import { readFileSync } from "node:fs";
import { hex, json } from "../kit/bytes.ts";
import { repository } from "../repository.ts";
import { lifecycle } from "./claims-lifecycle.ts";
import { CLAIMS, MAX, type Members } from "./claims-sheet.ts";
import { Group } from "./file.ts";

const read = (name: string): unknown => JSON.parse(readFileSync(repository(`specs/registry/${name}.json`), "utf8"));
const { errCodes } = read("suites") as { readonly errCodes: readonly string[] };
const { closeCodes } = read("close-codes") as { readonly closeCodes: readonly { readonly name: string }[] };

const slug = (code: string): string => code.toLowerCase().replaceAll("_", "-");
const MEMBERS = ["ctl:members"];

const PING = { seq: 3, top: "ping", rcv: 2 };
const PONG = { seq: 3, top: "pong", ref: 2, rcv: 2 };
const ERR = { seq: 3, top: "err", code: "E_DENIED", ref: 2, rcv: 2 };
const BYE = { seq: 3, top: "bye", rcv: 2 };
const FROM: Readonly<Record<string, Members>> = {
  ping: PING,
  pong: PONG,
  err: ERR,
  bye: BYE,
  "bye-timeout": { ...BYE, code: "timeout" },
};

export function control(): Group {
  const group = new Group("claims/control", {
    level: "L1",
    section: "session.md#11-control-messages",
    op: "claims.read",
    context: { kind: "control" },
  });
  const accept = (name: string, comment: string, members: Members, result = members, req = MEMBERS): unknown =>
    group.accept(name, comment, req, { bytes: hex(json(members)) }, result);
  accept("ping", "ping", PING);
  accept("pong", "pong names its ping", PONG);
  accept("err", "err names the refused message", ERR);
  accept("err-item", "err names an item of a batch", { ...ERR, ref: [2, 255] });
  accept("bye", "bye without a code", BYE);
  for (const code of errCodes.filter((code) => code !== ERR.code))
    accept(`err-${slug(code)}`, `err with ${code}`, { ...ERR, code });
  for (const name of new Set(closeCodes.map((c) => c.name)))
    accept(`bye-${name}`, `bye with the coarse name ${name}`, { ...BYE, code: name });
  accept("rcv-0", "nothing committed yet", { ...PING, seq: 1, rcv: 0 });
  accept("greatest", "the greatest numbers", { ...PONG, seq: MAX, ref: MAX, rcv: MAX });
  accept("order", "the order of members is nothing a receiver checks", { rcv: 2, top: "ping", seq: 3 }, PING);
  accept(
    "unknown",
    "other members are ignored, whatever their type",
    { ...PING, exp: "never", dat: { a: [1.5] }, iss: 7 },
    PING,
    ["ctl:unknown-member"],
  );
  refusals(group);
  lifecycle(group);
  return group;
}

function refusals(group: Group): void {
  const text = (name: string, from: string, mutation: string, value: string, req = MEMBERS): unknown =>
    group.refuse(name, from, mutation, req, { bytes: hex(json(value)) }, CLAIMS);
  const refuse = (name: string, from: string, mutation: string, change: Members): unknown =>
    text(name, from, mutation, JSON.stringify({ ...FROM[from], ...change }));
  for (const name of ["seq", "top", "rcv"]) refuse(`no-${name}`, "ping", `${name} left out`, { [name]: undefined });
  for (const top of [
    "rekeying",
    "exporter",
    "acknowledge",
    "auth-maybe",
    "",
    "PING",
    "ping ",
    "chat.say",
    "constructor",
  ]) {
    const name = top.replace(/[^A-Za-z-]/g, "-").replace("PING", "upper-ping") || "empty";
    refuse(`top-${name}`, "ping", `top: ${JSON.stringify(top)}`, { top });
  }
  const values: readonly (readonly [string, unknown])[] = [
    ["text", "2"],
    ["null", null],
    ["negative", -1],
    ["fraction", 1.5],
    ["array", [2]],
  ];
  for (const [kind, value] of values) {
    refuse(`seq-${kind}`, "ping", `seq: ${JSON.stringify(value)}`, { seq: value });
    refuse(`rcv-${kind}`, "ping", `rcv: ${JSON.stringify(value)}`, { rcv: value });
    refuse(`top-${kind}`, "ping", `top: ${JSON.stringify(value)}`, { top: value });
  }
  refuse("seq-0", "ping", "seq 0", { seq: 0 });
  refuse("pong-no-ref", "pong", "ref left out", { ref: undefined });
  refuse("pong-ref-0", "pong", "ref 0", { ref: 0 });
  refuse("pong-ref-pair", "pong", "a pair as ref: a ping is in no batch", { ref: [2, 0] });
  refuse("pong-ref-text", "pong", "ref as text", { ref: "2" });
  refuse("err-no-code", "err", "code left out", { code: undefined });
  refuse("err-no-ref", "err", "ref left out", { ref: undefined });
  refuse("err-ref-0", "err", "ref 0", { ref: 0 });
  refuse("err-ref-pair-256", "err", "a pair with index 256", { ref: [2, 256] });
  refuse("err-ref-null", "err", "ref null", { ref: null });
  for (const code of ["E_CLAIMS", "E_CRYPTO", "E_QUOTA", "E_TIMEOUT", "e_denied", "denied", "", null, 4, "toString"]) {
    const name = code === "" ? "empty" : slug(String(code)).replace(/^tostring$/, "to-string");
    refuse(`err-code-${code === "e_denied" ? "lower" : name}`, "err", `code: ${JSON.stringify(code)}`, { code });
  }
  for (const code of ["E_IDLE", "unknown", "Timeout", "", null, 3008, ["timeout"], "toString"]) {
    const name = Array.isArray(code)
      ? "array"
      : code === ""
        ? "empty"
        : code === "Timeout"
          ? "upper"
          : slug(String(code)).replace(/^tostring$/, "to-string");
    refuse(`bye-code-${name}`, "bye-timeout", `code: ${JSON.stringify(code)}`, { code });
  }
  const ping = JSON.stringify(PING);
  text("rcv-point", "ping", "rcv as 2.0", ping.replace('"rcv":2', '"rcv":2.0'), ["json:integer"]);
  text("seq-exponent", "ping", "seq as 3e0", ping.replace('"seq":3', '"seq":3e0'), ["json:integer"]);
  text("rcv-2-53", "ping", "rcv 2^53", ping.replace('"rcv":2', '"rcv":9007199254740992'), ["json:integer"]);
  text("twice-top", "ping", "top twice", ping.replace("}", ',"top":"bye"}'), ["json:duplicate"]);
  text("array", "ping", "the object in an array", `[${ping}]`, ["json:text"]);
  text("bom", "ping", "a byte order mark", `\ufeff${ping}`, ["json:text"]);
  text("trailing", "ping", "a second object", `${ping}${ping}`, ["json:text"]);
  text("constructor", "unknown", "a member named constructor", ping.replace("}", ',"constructor":1}'), [
    "claims:proto",
  ]);
  text("proto", "unknown", "a member named __proto__", ping.replace("}", ',"__proto__":1}'), ["claims:proto"]);
}
