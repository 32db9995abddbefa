// Writing claims: order of members, codecs, and what a caller cannot have written.
import { b64u, hex, json } from "../kit/bytes.ts";
import { cbor } from "../kit/cbor.ts";
import { wireJwk } from "../kit/keys.ts";
import { AUD, BND, type Codec, EXP, ISS, isSigned, JTI, type Level, MAX, type Members } from "./claims-sheet.ts";
import { CLOCK, Group } from "./file.ts";
import { jwkOf } from "./keys.ts";

const LEVELS = ["mac", "aead", "sig", "nest"] as const;

export const writing = (): readonly Group[] => [application("json"), application("cbor"), control()];

const bound = (level: Level): Members => (isSigned(level) ? { iss: ISS, aud: AUD, bnd: BND } : {});

function application(codec: Codec): Group {
  const group = new Group(`claims/write-${codec}`, {
    level: "L1",
    section: "envelope.md#6-codecs",
    op: "claims.write",
    context: { kind: "application", codec },
  });
  /** Claims before the data, in the order of the table; bytes as Buffer. */
  const accept = (
    name: string,
    comment: string,
    level: Level,
    claims: Members,
    data: unknown,
    req = ["claims:order"],
  ): unknown => {
    const isBytes = data instanceof Uint8Array;
    const written = isBytes && codec === "json" ? { ...claims, bin: b64u(data) } : { ...claims, dat: data };
    const bytes = hex(codec === "json" ? json(written) : cbor(written));
    return group.accept(
      name,
      comment,
      req,
      { level, ...claims, data: isBytes ? { $bytes: hex(data) } : data },
      { bytes },
    );
  };
  for (const level of LEVELS) {
    const claims = { ...bound(level), seq: 1, ...(isSigned(level) ? { iat: CLOCK } : {}), exp: EXP, top: "chat.say" };
    accept(level, `the members of ${level} in the order of the table`, level, claims, { text: "hello" });
    accept(
      `${level}-all`,
      "every member that a message without batch can have",
      level,
      { ...claims, ref: [7, 255] },
      "hello",
    );
    const again = { ...bound(level), seq: 1, jti: JTI, iat: CLOCK, exp: EXP, top: "chat.say" };
    accept(`${level}-jti`, "jti behind seq, iat behind jti", level, again, "hello");
  }
  const plain = { seq: 1, exp: EXP, top: "chat.say" };
  accept("iat", "iat before exp", "aead", { seq: 1, iat: CLOCK, exp: EXP, top: "chat.say" }, null);
  accept("ref", "ref after top", "aead", { ...plain, ref: 7 }, null, ["claims:order", "req:reply"]);
  accept("req", "req after top", "aead", { ...plain, req: true }, null);
  accept("seq-max", "the greatest number", "mac", { ...plain, seq: MAX }, null);
  const data = ["claims:data"];
  accept("null", "null is written", "aead", plain, null, data);
  accept("bytes", "bytes", "aead", plain, Buffer.of(0, 255, 127), data);
  accept("bytes-empty", "no bytes", "aead", plain, Buffer.of(), data);
  accept("false", "false is data", "aead", plain, false, data);
  accept("empty-text", "an empty text is data", "aead", plain, "", data);
  accept("text", "text beyond ASCII is not escaped", "aead", plain, "grüße \u{1f512}", data);
  accept(
    "nested",
    "members keep the order of the application",
    "aead",
    plain,
    { b: [1, { a: null }], a: true, "": "" },
    data,
  );
  accept("number", "a fraction and a negative number", "aead", plain, [0.1, -7, 23, 24, 255, 256, 65535, 65536], data);
  accept(
    "inner-names",
    "constructor and prototype are names like others in data",
    "aead",
    plain,
    { constructor: 1, prototype: 2 },
    data,
  );

  const refuse = (name: string, from: string, mutation: string, input: Members, req: readonly string[]): unknown =>
    group.refuse(name, from, mutation, req, { level: "aead", ...plain, ...input }, ["TypeError", "local"]);
  const model = ["claims:data-model"];
  const proto = Object.fromEntries([["__proto__", 1]]);
  refuse("proto", "inner-names", "a member named __proto__", { data: proto }, model);
  refuse("proto-nested", "nested", "a member named __proto__ inside an array", { data: [[proto]] }, model);
  if (codec === "cbor") {
    refuse("integer-2-53", "number", "an integer of 2^53", { data: 2 ** 53 }, model);
    refuse("integer-negative", "number", "an integer of -2^53, nested", { data: [-(2 ** 53)] }, model);
    refuse("integer-huge", "number", "an integer of 1e300", { data: 1e300 }, model);
  } else accept("integer-2-53", "JSON carries integers beyond 2^53-1", "aead", plain, 2 ** 53, data);
  for (const [name, top] of [
    ["empty", ""],
    ["space", "chat say"],
    ["umlaut", "chat.säy"],
  ] as const) {
    refuse(
      `top-${name}`,
      "nested",
      `top: ${JSON.stringify(top)}`,
      { top, data: { b: [1, { a: null }], a: true, "": "" } },
      ["claims:table"],
    );
  }
  return group;
}

function control(): Group {
  const group = new Group("claims/write-control", {
    level: "L1",
    section: "session.md#11-control-messages",
    op: "claims.write",
    context: { kind: "control" },
  });
  const accept = (name: string, comment: string, members: Members): unknown =>
    group.accept(name, comment, ["ctl:rcv-send"], members, { bytes: hex(json(members)) });
  accept("ping", "ping", { seq: 3, top: "ping", rcv: 2 });
  accept("pong", "ref before rcv", { seq: 3, top: "pong", ref: 2, rcv: 2 });
  accept("err", "code before ref", { seq: 3, top: "err", code: "E_DENIED", ref: 2, rcv: 2 });
  accept("err-item", "a pair as ref", { seq: 3, top: "err", code: "E_RATE", ref: [2, 0], rcv: 2 });
  accept("bye", "without a code", { seq: 3, top: "bye", rcv: 0 });
  accept("bye-code", "with a coarse name", { seq: 3, top: "bye", code: "expired", rcv: MAX });
  const epk = wireJwk(jwkOf("server ephemeral p256"));
  accept("rekey", "n and epk before rcv", { seq: 3, top: "rekey", n: 1, epk, rcv: 2 });
  accept("rekeyed", "ref between epk and rcv", { seq: 3, top: "rekeyed", n: 1, epk, ref: 2, rcv: 2 });
  accept("ack", "ack", { seq: 3, top: "ack", rcv: 2 });
  accept("auth", "at before rcv", { seq: 3, top: "auth", at: "a.b.c", rcv: 2 });
  accept("auth-ok", "ref, exp, scp", { seq: 3, top: "auth-ok", ref: 2, exp: EXP, scp: ["chat.say"], rcv: 2 });
  accept("auth-no", "auth-no", { seq: 3, top: "auth-no", ref: 2, rcv: 2 });
  accept("auth-soon", "auth-soon", { seq: 3, top: "auth-soon", rcv: 2 });
  accept("resumed", "resumed of a client", { seq: 0, top: "resumed", rcv: 2 });
  accept("resumed-server", "resumed of a server", { seq: 0, top: "resumed", exp: EXP, scp: [], rcv: 2 });
  accept("void", "void has no rcv", { seq: 3, top: "void" });
  return group;
}
