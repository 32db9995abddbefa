// Steps claims, commit and time.
import { b64u, json, unhex, utf8 } from "../kit/bytes.ts";
import { cbor, head, Raw } from "../kit/cbor.ts";
import { type Claims, controlHeader, encodeClaims, keyId } from "../kit/messages.ts";
import { CLOCK } from "./file.ts";
import { BATCH, OTHER_CONNECTION, type Scene, SEQ, STATE } from "./message-scene.ts";

const CLAIMS = ["E_CLAIMS", "claims"] as const;
const SKEW = 30;
const TTL = 300;

/** What binds a signed message to its connection, direction and endpoints. */
export function bindingRefusals(scene: Scene): void {
  const { iss, aud } = scene.channel;
  const claims = (name: string, mutation: string, req: string, over: Claims, code: string): void =>
    scene.refuse(name, mutation, req.split(" "), scene.message(over), [code, "claims"]);
  const bind = (name: string, mutation: string, over: Claims): void =>
    claims(name, mutation, "claims:binding", over, "E_BINDING");
  bind("bnd-other-connection", "bnd of another connection", { bnd: keyId(OTHER_CONNECTION[scene.options.from]) });
  bind("bnd-own", "bnd of the opener's own direction", { bnd: keyId(scene.reverse.keys) });
  bind("aud-other", "aud of another endpoint", { aud: "other.example" });
  bind("aud-self", "aud of the sender", { aud: iss });
  bind("aud-case", "aud in another case", { aud: (aud as string).toUpperCase() });
  claims("iss-other", "iss of another endpoint", "claims:iss", { iss: "other.example" }, "E_KEY");
  claims("iss-receiver", "iss of the opener", "claims:iss", { iss: aud }, "E_KEY");
  const table = (name: string, mutation: string, over: Claims): void =>
    claims(name, mutation, "claims:table", over, "E_CLAIMS");
  for (const name of ["iss", "aud", "bnd", "iat"]) table(`${name}-missing`, `${name} left out`, { [name]: undefined });
  table("aud-array", "aud as an array", { aud: [aud] });
  table("iss-empty", "an empty iss", { iss: "" });
  const member = "claims:table b64:member";
  claims("bnd-short", "bnd of 21 characters", member, { bnd: keyId(scene.channel.keys).slice(0, 21) }, "E_CLAIMS");
  claims(
    "bnd-pad-bits",
    "bnd with a pad bit set",
    member,
    { bnd: `${b64u(Buffer.alloc(16)).slice(0, 21)}B` },
    "E_CLAIMS",
  );
}

/** At `mac` and `sig` the number stands in the claims alone; elsewhere both have to agree. */
export function numberRefusals(scene: Scene): void {
  if (scene.encrypted) {
    for (const [name, seq] of [
      ["seq-lower", SEQ - 1],
      ["seq-higher", SEQ + 1],
    ] as const) {
      const mutation = `a claim seq ${seq > SEQ ? "above" : "below"} the number outside`;
      scene.refuse(name, mutation, ["seq:equal"], scene.message({ seq }, { seq: SEQ }), ["E_SEQ", "claims"]);
    }
    scene.refuse(
      "seq-zero-inside",
      "a claim seq of 0",
      ["claims:table"],
      scene.message({ seq: 0 }, { seq: SEQ }),
      CLAIMS,
    );
    return;
  }
  const refuse = (name: string, mutation: string, seq: number, code: "E_REPLAY" | "E_SEQ"): void =>
    scene.refuse(name, mutation, [code === "E_SEQ" ? "seq:gap" : "seq:replay"], scene.message({ seq }), [
      code,
      "claims",
    ]);
  refuse("replay", "the last committed number again", SEQ - 1, "E_REPLAY");
  refuse("replay-first", "the number 1 again", 1, "E_REPLAY");
  refuse("gap", "a number left out", SEQ + 1, "E_SEQ");
  refuse("seq-max", "the number 2^53 - 1", Number.MAX_SAFE_INTEGER, "E_SEQ");
  scene.refuse("seq-zero", "the number 0", ["claims:table"], scene.message({ seq: 0 }), CLAIMS);
  scene.refuse("committed", "the opener has committed it", ["seq:replay"], scene.message(), ["E_REPLAY", "claims"], {
    last: SEQ,
  });
  scene.refuse(
    "dropped",
    "the message before it never arrived",
    ["seq:send", "seq:gap"],
    scene.message(),
    ["E_SEQ", "claims"],
    {
      last: SEQ - 2,
    },
  );
}

/** The table of claims; syntax in depth is that of claims.json. */
export function tableRefusals(scene: Scene): void {
  const refuse = (name: string, mutation: string, req: string, over: Claims): void =>
    scene.refuse(name, mutation, req.split(" "), scene.message(over), CLAIMS);
  const table = (name: string, mutation: string, over: Claims): void => refuse(name, mutation, "claims:table", over);
  for (const name of ["seq", "exp", "top"]) {
    const message = scene.message({ [name]: undefined }, { seq: SEQ });
    scene.refuse(`${name}-missing`, `${name} left out`, ["claims:table"], message, CLAIMS);
  }
  table("exp-string", "exp as a string", { exp: String(CLOCK + 60) });
  table("top-space", "a space in top", { top: "chat say" });
  table("top-long", "a top of 129 characters", { top: "t".repeat(129) });
  table("req-false", "req false", { req: false });
  table("rcv", "rcv in an application message", { rcv: 2 });
  if (!scene.signed) {
    table("iss", "iss at a level without signatures", { iss: "chat.example" });
    table("bnd", "bnd at a level without signatures", { bnd: keyId(scene.channel.keys) });
  }
  if (scene.encrypted) table("pad-number", "pad as a number", { pad: 0 });
  else table("pad", "pad at a level that encrypts nothing", { pad: "xxxxxxxx" });
  if (scene.options.codec === "cbor") table("bin", "bin in codec cbor", { dat: undefined, bin: "AAEC" });
  else table("dat-and-bin", "dat beside bin", { bin: "AAEC" });
  const deep = Array.from({ length: 32 }).reduce((inner) => [inner], 0 as unknown);
  refuse("unknown-claim-deep", "33 levels in a claim beyond the table", "claims:unknown limit:claims", { later: deep });
  refuse("constructor", "a claim named constructor", "claims:proto", { constructor: 1 });
  const batch = (name: string, mutation: string, req: string, over: Claims): void => {
    const message = scene.message({ top: undefined, dat: undefined, bat: BATCH, ...over });
    scene.refuse(name, mutation, [req], message, CLAIMS, { from: "batch" });
  };
  batch("batch-beside-top", "top beside bat", "batch:shape", { top: "chat.read" });
  batch("batch-beside-dat", "dat beside bat", "batch:shape", { dat: 1 });
  batch("batch-empty", "an empty bat", "batch:shape", { bat: [] });
  batch("batch-257", "257 items", "batch:shape", { bat: Array.from({ length: 257 }, () => ["a", null, 0]) });
  batch("batch-item-short", "an item without data", "batch:shape", { bat: [...BATCH, ["chat.say", null]] });
  refuse("ref-unsent", "a ref to the number after the last one sent", "req:ref-unsent", { ref: STATE.sent + 1 });
  refuse("ref-item-unsent", "a ref to an item of a batch that was not sent", "req:ref-unsent", {
    ref: [STATE.sent + 1, 0],
  });
  refuse("ref-zero", "a ref of 0", "req:ref-shape", { ref: 0 });
  refuse("ref-beside-req", "ref beside req", "req:ref-shape", { ref: 3, req: true });
  refuse("ref-jti", "a ref as in standalone envelopes", "req:ref-shape", { ref: b64u(Buffer.alloc(16)) });
  const unsent = [...BATCH, ["chat.say", STATE.sent + 1, 1]];
  batch("batch-ref-unsent", "one more item, with a ref to a number that was not sent", "req:ref-unsent", {
    bat: unsent,
  });
  const jti = b64u(Buffer.alloc(16));
  const again = (name: string, mutation: string, over: Claims): void =>
    scene.refuse(name, mutation, ["claims:table"], scene.message({ jti, iat: CLOCK - 1, ...over }), CLAIMS, {
      from: "jti",
    });
  again("jti-short", "jti of 21 characters", { jti: jti.slice(1) });
  again("jti-pad-bits", "jti with a pad bit set", { jti: `${jti.slice(0, -1)}B` });
  again("jti-null", "jti null", { jti: null });
  again("jti-beside-req", "req beside jti", { req: true });
  again("jti-beside-ref", "ref beside jti", { ref: STATE.sent });
  again("jti-beside-bat", "bat beside jti", { top: undefined, dat: undefined, bat: BATCH });
  const undated = scene.message({ jti, iat: undefined });
  scene.refuse("jti-no-iat", "iat left out beside jti", ["idem:iat"], undated, CLAIMS, { from: "jti" });
  if (scene.options.codec === "cbor") cborRefusals(scene);
  else jsonRefusals(scene);
  if (scene.encrypted) {
    const asControl = scene.message({}, { header: controlHeader(scene.channel.keys), h: 1 });
    scene.refuse("as-control", "sealed with the header of control messages", ["ctl:members"], asControl, CLAIMS);
  }
}

function jsonRefusals(scene: Scene): void {
  const text = encodeClaims("json", scene.claims()).toString();
  const refuse = (name: string, mutation: string, req: string, claims: string | Uint8Array): void =>
    scene.refuse(`claims-${name}`, mutation, [req], scene.raw(claims), CLAIMS);
  refuse("array", "the claims in an array", "json:text", `[${text}]`);
  refuse("bom", "a byte order mark before the claims", "json:text", Buffer.concat([unhex("efbbbf"), utf8(text)]));
  refuse("utf-8", "a byte that is not UTF-8", "json:text", Buffer.from(text.replace("hello", "hell\xe9"), "latin1"));
  refuse("duplicate", "top twice", "json:duplicate", text.replace('"top"', '"top":"admin.kick","top"'));
  refuse(
    "duplicate-escaped",
    "top twice, once with an escape",
    "json:duplicate",
    text.replace('"top"', '"t\\u006fp":"admin.kick","top"'),
  );
  refuse("seq-decimal", "seq with a decimal point", "json:integer", text.replace('"seq":5', '"seq":5.0'));
  refuse(
    "exp-exponent",
    "exp with an exponent",
    "json:integer",
    text.replace(`"exp":${CLOCK + 60}`, '"exp":189345606e1'),
  );
  refuse("surrogate", "a lone surrogate", "json:value", text.replace("hello", "\\ud800"));
  refuse("overflow", "a number beyond binary64", "json:value", text.replace('"hello"', "1e400"));
  refuse("proto", "a member named __proto__", "claims:proto", text.replace('"text"', '"__proto__"'));
  refuse("cbor", "the claims of the other codec", "json:text", cbor(scene.claims()));
}

function cborRefusals(scene: Scene): void {
  const claims = scene.claims();
  const honest = encodeClaims("cbor", claims);
  const refuse = (name: string, mutation: string, req: string, bytes: Uint8Array): void =>
    scene.refuse(`claims-${name}`, mutation, req.split(" "), scene.raw(bytes), CLAIMS);
  const replaced = (over: Claims): Uint8Array => cbor({ ...claims, ...over });
  const members = Object.keys(claims).length;
  refuse("array", "the claims in an array", "cbor:map", Buffer.concat([head(4, 1), honest]));
  refuse("trailing", "one more byte after the claims", "cbor:map", Buffer.concat([honest, Buffer.of(0)]));
  const top = Buffer.concat([cbor("top"), cbor("admin.kick")]);
  refuse("duplicate", "top twice", "cbor:map", Buffer.concat([head(5, members + 1), top, honest.subarray(1)]));
  refuse(
    "indefinite",
    "a map of indefinite length",
    "cbor:shortest",
    Buffer.concat([Buffer.of(0xbf), honest.subarray(1), Buffer.of(0xff)]),
  );
  refuse(
    "seq-float",
    "seq as floating point",
    "cbor:own-integer cbor:dat-relaxed",
    replaced({ seq: new Raw(unhex("fb4014000000000000")) }),
  );
  refuse("seq-long", "seq in two bytes", "cbor:shortest cbor:dat-relaxed", replaced({ seq: new Raw(head(0, SEQ, 1)) }));
  refuse("exp-negative", "a negative exp", "cbor:own-integer", replaced({ exp: -1 }));
  refuse("float32", "a float32", "cbor:number", replaced({ dat: new Raw(unhex("fa3fc00000")) }));
  refuse("tag", "a tag", "cbor:tag", replaced({ dat: new Raw(unhex("c11a00000000")) }));
  refuse("undefined", "the value undefined", "cbor:tag", replaced({ dat: new Raw(unhex("f7")) }));
  refuse("nested-bytes", "bytes inside dat", "cbor:bytes", replaced({ dat: { text: unhex("00") } }));
  refuse("json", "the claims of the other codec", "cbor:map", json(claims));
}

/** Edges of the rules of time. Everything here has passed `commit`: the number is used up. */
export function times(scene: Scene): void {
  const { group } = scene;
  const [req, step] = [{ expired: "time:expired", future: "time:future", ttl: "time:ttl" }, "time"] as const;
  const iat = CLOCK;
  const base: Claims = { iat, exp: CLOCK + 60 };
  const message = scene.message(base);
  const later = (now: number): object => ({ now });
  group.accept(
    "last-second",
    "now is one second before exp + skew",
    [req.expired],
    { message, now: CLOCK + 60 + SKEW - 1 },
    scene.opened(base),
  );
  scene.refuse("expired", "now is exp + skew", [req.expired], message, ["E_EXPIRED", step], {
    from: "last-second",
    ...later(CLOCK + 60 + SKEW),
  });
  scene.refuse("long-expired", "now is a day later", [req.expired], message, ["E_EXPIRED", step], {
    from: "last-second",
    now: CLOCK + 86400,
  });
  scene.accept("iat-ahead", "iat is now + skew", [req.future], { iat: CLOCK + SKEW });
  scene.refuse(
    "iat-future",
    "iat is now + skew + 1",
    [req.future],
    scene.message({ iat: CLOCK + SKEW + 1 }),
    ["E_FUTURE", step],
    { from: "iat-ahead" },
  );
  scene.accept("ttl-longest", "a life of 300 s", [req.ttl], { iat, exp: iat + TTL });
  scene.refuse("ttl", "a life of 301 s", [req.ttl], scene.message({ iat, exp: iat + TTL + 1 }), ["E_TTL", step], {
    from: "ttl-longest",
  });
  scene.refuse("exp-year", "exp in a year", [req.ttl], scene.message({ iat, exp: CLOCK + 31536000 }), ["E_TTL", step], {
    from: "ttl-longest",
  });
  scene.accept("no-life", "exp equals iat", ["time:exp-before-iat"], { iat, exp: iat });
  scene.refuse(
    "exp-before-iat",
    "exp is one second before iat",
    ["time:exp-before-iat"],
    scene.message({ iat, exp: iat - 1 }),
    CLAIMS,
    { from: "no-life" },
  );
  const late = scene.message({ iat: CLOCK - 200, exp: CLOCK - SKEW });
  scene.refuse("expired-exp", "the life ended at now - skew", [req.expired], late, ["E_EXPIRED", step], {
    from: "last-second",
  });
  if (scene.signed) return;
  scene.accept("exp-farthest", "without iat, exp is now + 300 s + skew", [req.ttl], {
    iat: undefined,
    exp: CLOCK + TTL + SKEW,
  });
  const beyond = scene.message({ iat: undefined, exp: CLOCK + TTL + SKEW + 1 });
  scene.refuse("exp-far", "without iat, exp is now + 300 s + skew + 1", [req.ttl], beyond, ["E_TTL", step], {
    from: "exp-farthest",
  });
  const mostAhead = { iat: CLOCK + SKEW, exp: CLOCK + TTL + SKEW };
  scene.accept("ahead-longest", "the longest life from the latest iat", [req.ttl], mostAhead);
}
