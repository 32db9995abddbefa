// Control messages that renew keys, tokens and connections: their members (specs/lifecycle.md, section 2).
import { hex, json } from "../kit/bytes.ts";
import { wireJwk } from "../kit/keys.ts";
import { CLAIMS, EXP, MAX, type Members } from "./claims-sheet.ts";
import type { Group } from "./file.ts";
import { jwkOf } from "./keys.ts";

const EPK = wireJwk(jwkOf("server ephemeral p256"));
const OKP = wireJwk(jwkOf("server ephemeral x25519"));
const FROM: Readonly<Record<string, Members>> = {
  rekey: { seq: 3, top: "rekey", n: 1, epk: EPK, rcv: 2 },
  rekeyed: { seq: 3, top: "rekeyed", n: 1, epk: EPK, ref: 2, rcv: 2 },
  ack: { seq: 3, top: "ack", rcv: 2 },
  auth: { seq: 3, top: "auth", at: "a.b.c", rcv: 2 },
  "auth-ok": { seq: 3, top: "auth-ok", ref: 2, exp: EXP, scp: ["chat.read", "chat.say"], rcv: 2 },
  "auth-no": { seq: 3, top: "auth-no", ref: 2, rcv: 2 },
  "auth-soon": { seq: 3, top: "auth-soon", rcv: 2 },
  resumed: { seq: 0, top: "resumed", rcv: 2 },
  "resumed-server": { seq: 0, top: "resumed", exp: EXP, scp: ["chat.say"], rcv: 2 },
  void: { seq: 3, top: "void" },
};

/** What each of several members may not be. */
const WRONG: Readonly<Record<string, readonly (readonly [name: string, value: unknown])[]>> = {
  n: [
    ["missing", undefined],
    ["zero", 0],
    ["negative", -1],
    ["text", "1"],
    ["fraction", 1.5],
    ["null", null],
  ],
  epk: [
    ["missing", undefined],
    ["text", "x"],
    ["array", [EPK]],
    ["null", null],
  ],
  ref: [
    ["missing", undefined],
    ["zero", 0],
    ["pair", [2, 0]],
    ["text", "2"],
    ["null", null],
  ],
  at: [
    ["missing", undefined],
    ["number", 1],
    ["null", null],
    ["array", ["a.b.c"]],
  ],
  exp: [
    ["missing", undefined],
    ["text", String(EXP)],
    ["negative", -1],
    ["fraction", EXP + 0.5],
    ["null", null],
  ],
  scp: [
    ["missing", undefined],
    ["text", "chat.read"],
    ["number", [1]],
    ["null", null],
    ["null-inside", [null]],
  ],
};

export function lifecycle(group: Group): void {
  const accept = (name: string, comment: string, members: Members, result = members, req = "ctl:members"): unknown =>
    group.accept(name, comment, [req], { bytes: hex(json(members)) }, result);
  const refuse = (name: string, from: string, mutation: string, change: Members, req = "ctl:members"): unknown =>
    group.refuse(name, from, mutation, [req], { bytes: hex(json({ ...FROM[from], ...change })) }, CLAIMS);
  for (const [name, members] of Object.entries(FROM)) accept(name, name, members);
  accept("rekey-okp", "a key of the other suite", { ...FROM.rekey, epk: OKP });
  accept("rekey-n", "the greatest epoch", { ...FROM.rekey, n: MAX });
  accept("auth-empty", "an empty token is a string", { ...FROM.auth, at: "" });
  accept("auth-ok-scp-empty", "no scopes", { ...FROM["auth-ok"], scp: [] });
  const more = { ...FROM.ack, n: "x", epk: 1, at: 2, scp: "y", exp: "z", note: 1 };
  accept("ack-unknown", "members of other rows are ignored", more, FROM.ack, "ctl:unknown-member");
  accept("void-unknown", "a name of no row is ignored", { ...FROM.void, note: 1 }, FROM.void, "ctl:unknown-member");
  const required: Readonly<Record<string, readonly string[]>> = {
    rekey: ["n", "epk"],
    rekeyed: ["n", "epk", "ref"],
    auth: ["at"],
    "auth-ok": ["ref", "exp", "scp"],
    "auth-no": ["ref"],
  };
  for (const [top, names] of Object.entries(required)) {
    for (const name of names) {
      for (const [kind, value] of WRONG[name] ?? []) {
        const mutation = value === undefined ? `${name} left out` : `${name}: ${JSON.stringify(value)}`;
        refuse(`${top}-${name}-${kind}`, top, mutation, { [name]: value });
      }
    }
  }
  for (const top of Object.keys(FROM).filter((name) => name !== "void")) {
    refuse(`${top}-no-rcv`, top, "rcv left out", { rcv: undefined });
  }
  for (const top of ["rekey", "ack", "auth-soon", "void"]) refuse(`${top}-seq-0`, top, "seq 0", { seq: 0 });
  for (const [name, value] of Object.entries({
    n: 1,
    epk: EPK,
    at: "a",
    code: "away",
    ref: 2,
    exp: EXP,
    scp: [],
    rcv: 2,
  })) {
    refuse(`void-${name}`, "void", `${name} added`, { [name]: value }, "resume:void-shape");
  }
}
