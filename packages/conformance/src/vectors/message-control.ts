// Control messages: A256GCM and JSON at every level, in the one sequence of their direction.
import { flip } from "../kit/bytes.ts";
import { cbor } from "../kit/cbor.ts";
import { binary, jws, type Message, nonce } from "../kit/jose.ts";
import { wireJwk } from "../kit/keys.ts";
import { type Claims, compactControl, controlHeader, messageHeader, withSegment } from "../kit/messages.ts";
import { CLOCK, type Group, type Step } from "./file.ts";
import { jwkOf } from "./keys.ts";
import { KEYS, Scene, type SceneOptions, SEQ, STATE } from "./message-scene.ts";

type Verdict = readonly [string, Step];
const CLAIMS: Verdict = ["E_CLAIMS", "claims"];
const CRYPTO: Verdict = ["E_CRYPTO", "crypto"];
const HEADER: Verdict = ["E_HEADER", "header"];
const PING = { seq: SEQ, top: "ping", rcv: STATE.rcv };

/** `all` where the level does not matter, else what shows that control is the same at every level. */
const SCENES: readonly (SceneOptions & { readonly all?: true })[] = [
  { wire: "text", level: "aead", codec: "json", from: "client", all: true },
  { wire: "binary", level: "aead", codec: "cbor", from: "server", all: true },
  { wire: "text", level: "mac", codec: "json", from: "server" },
  { wire: "binary", level: "mac", codec: "cbor", from: "client" },
  { wire: "text", level: "sig", codec: "cbor", alg: "ES256", from: "client" },
  { wire: "binary", level: "sig", codec: "json", alg: "Ed25519", from: "server" },
  { wire: "text", level: "nest", codec: "json", alg: "ES256", from: "server" },
  { wire: "binary", level: "nest", codec: "cbor", alg: "Ed25519", from: "client" },
];

export function controlGroups(): Group[] {
  return SCENES.map(({ all, ...options }) => {
    const scene = new Scene(`control-${options.level}-${options.wire}`, "session.md#11-control-messages", options);
    honest(scene);
    envelope(scene);
    if (all) members(scene);
    return scene.group;
  });
}

function accept(
  scene: Scene,
  name: string,
  comment: string,
  req: readonly string[],
  claims: Claims,
  input: object = {},
): void {
  const { later: _, ...members } = claims;
  const result = { kind: "control", ...members };
  scene.group.accept(name, comment, req, { message: scene.control(claims), ...input }, result);
}

function honest(scene: Scene): void {
  const members = ["ctl:members"];
  accept(scene, "ping", "a ping", members, PING);
  accept(scene, "pong", "the answer to the ping with number 6", members, { ...PING, top: "pong", ref: 6 });
  accept(scene, "bye", "an orderly end", members, { ...PING, top: "bye" });
  accept(scene, "bye-code", "an end with a coarse name", members, { ...PING, top: "bye", code: "away" });
  accept(scene, "err", "message 7 was refused", members, { ...PING, top: "err", code: "E_DENIED", ref: 7 });
  accept(scene, "err-item", "an item of batch 3 was refused", members, {
    ...PING,
    top: "err",
    code: "E_RATE",
    ref: [3, 255],
  });
  accept(scene, "unknown-member", "members beyond the table", ["ctl:unknown-member"], { ...PING, later: { x: [1] } });
  const epk = wireJwk(jwkOf("server ephemeral x25519"));
  accept(scene, "rekey", "new keys are asked for", members, { ...PING, top: "rekey", n: 1, epk });
  accept(scene, "auth-ok", "a token was accepted", members, {
    ...PING,
    top: "auth-ok",
    ref: 6,
    exp: CLOCK + 60,
    scp: ["chat.say"],
  });
  accept(scene, "void", "a number without a message", members, { seq: SEQ, top: "void" });
}

/** Steps header to inner: control looks the same whatever the level. */
function envelope(scene: Scene): void {
  const text = compactControl(scene.channel, PING);
  const refuse = (
    name: string,
    mutation: string,
    req: string,
    message: Message,
    verdict: Verdict,
    input: object = {},
  ): void => scene.refuse(name, mutation, req.split(" "), message, verdict, { from: "ping", ...input });
  const put = (
    name: string,
    mutation: string,
    index: number,
    change: (bytes: Buffer) => Uint8Array,
    req = "level:verify",
  ): void => refuse(name, mutation, req, scene.send(withSegment(text, index, change), { h: 1 }), CRYPTO);
  put("flip-ciphertext", "a bit of the ciphertext", 3, (bytes) => flip(bytes));
  put("flip-tag", "a bit of the tag", 4, (bytes) => flip(bytes, -1));
  put("tag-12", "a tag of 12 bytes", 4, (bytes) => bytes.subarray(0, 12), "aead:tag");
  const { channel } = scene;
  refuse(
    "own-key",
    "sealed with the key of the opener's direction",
    "level:verify",
    scene.control(PING, { key: scene.reverse.keys.key }),
    CRYPTO,
  );
  const ping = scene.control(PING);
  refuse("committed", "the opener has committed it", "seq:replay", ping, ["E_REPLAY", "sequence"], { last: SEQ });
  refuse("dropped", "the message before it never arrived", "seq:gap", ping, ["E_SEQ", "sequence"], { last: SEQ - 2 });
  refuse(
    "seq-inside",
    "a claim seq above the number outside",
    "seq:equal",
    scene.control({ ...PING, seq: SEQ + 1 }, { seq: SEQ }),
    ["E_SEQ", "claims"],
  );
  const clear = JSON.stringify(PING);
  if (scene.wire === "binary") {
    refuse("clear", "the claims without protection", "wire:form", binary(cbor([0, Buffer.from(clear)])), HEADER);
    refuse("epoch", "the h of another epoch", "header:not-in-table", scene.control(PING, { h: 3 }), HEADER);
    const even: Verdict = scene.encrypted ? CRYPTO : HEADER;
    refuse(
      "parity",
      "the h of application messages",
      scene.encrypted ? "level:verify" : "wire:form",
      scene.control(PING, { h: 0 }),
      even,
    );
    const [, , , ciphertext, tag] = text.split(".").map((s) => Buffer.from(s, "base64url"));
    refuse("form-4", "the short form of a signed message", "wire:form", binary(cbor([4, 1, ciphertext, tag])), HEADER);
    return;
  }
  refuse("clear", "the claims without protection", "wire:form", { text: clear }, HEADER);
  const iv = nonce(KEYS[scene.options.from === "client" ? "server" : "client"].iv, SEQ);
  refuse("iv-own", "the IV of the opener's own direction", "aead:iv", scene.control(PING, { iv }), [
    "E_IV",
    "sequence",
  ]);
  const { kid } = controlHeader(scene.reverse.keys);
  refuse(
    "own-kid",
    "the kid of the opener's own direction",
    "header:not-in-table",
    scene.control(PING, { header: { ...controlHeader(channel.keys), kid } }),
    HEADER,
  );
  refuse(
    "cty",
    "a cty in the header",
    "header:not-in-table",
    scene.control(PING, {
      header: { alg: "dir", enc: "A256GCM", cty: "JWT", kid: controlHeader(channel.keys).kid, typ: "sealwire-ctl+jwt" },
    }),
    HEADER,
  );
  const signed = { ...controlHeader(channel.keys), alg: "HS256", enc: undefined };
  refuse(
    "as-jws",
    "signed with the HMAC key, not encrypted",
    "header:not-in-table",
    { text: jws(signed, PING, channel.keys.mac) },
    HEADER,
  );
  const application = messageHeader({ ...channel, level: "aead", codec: "json" });
  const asMessage = scene.control(PING, { header: application });
  if (scene.level !== "aead")
    refuse("as-aead", "sealed as an application message of level aead", "header:not-in-table", asMessage, HEADER);
  else refuse("as-aead", "sealed as an application message", "claims:table", asMessage, CLAIMS);
}

function members(scene: Scene): void {
  const refuse = (
    name: string,
    from: string,
    mutation: string,
    claims: Claims | string,
    req = "ctl:members",
    verdict = CLAIMS,
  ): void => scene.refuse(name, mutation, req.split(" "), scene.control(claims, { seq: SEQ }), verdict, { from });
  for (const top of ["rekeying", "exporter", "Ping", "chat.say"]) {
    refuse(`top-${top.toLowerCase().replace(".", "-")}`, "ping", `top ${top}`, {
      ...PING,
      top,
    });
  }
  refuse("top-missing", "ping", "top left out", { ...PING, top: undefined });
  refuse("seq-missing", "ping", "seq left out", { ...PING, seq: undefined });
  refuse("seq-zero", "ping", "a claim seq of 0", { ...PING, seq: 0 });
  refuse("rcv-missing", "ping", "rcv left out", { ...PING, rcv: undefined });
  refuse("rcv-string", "ping", "rcv as a string", { ...PING, rcv: "2" });
  refuse("rcv-negative", "ping", "a negative rcv", { ...PING, rcv: -1 });
  refuse("pong-no-ref", "pong", "ref left out", { ...PING, top: "pong" });
  refuse("pong-ref-item", "pong", "a ref to an item", { ...PING, top: "pong", ref: [6, 0] });
  refuse("pong-ref-zero", "pong", "a ref of 0", { ...PING, top: "pong", ref: 0 });
  refuse("err-no-ref", "err", "ref left out", { ...PING, top: "err", code: "E_DENIED" });
  refuse("err-no-code", "err", "code left out", { ...PING, top: "err", ref: 7 });
  refuse("err-code-fatal", "err", "a code that err does not carry", { ...PING, top: "err", code: "E_CRYPTO", ref: 7 });
  refuse("err-code-unknown", "err", "a code that does not exist", { ...PING, top: "err", code: "E_OTHER", ref: 7 });
  refuse("err-code-coarse", "err", "a coarse name as code of err", { ...PING, top: "err", code: "forbidden", ref: 7 });
  refuse("err-index", "err-item", "an index of 256", { ...PING, top: "err", code: "E_RATE", ref: [3, 256] });
  refuse("bye-code-unknown", "bye-code", "a code of bye that is no coarse name", {
    ...PING,
    top: "bye",
    code: "later",
  });
  refuse("bye-code-number", "bye-code", "a close code as code of bye", { ...PING, top: "bye", code: 1001 });
  refuse("array", "ping", "the claims in an array", JSON.stringify([PING]), "json:text");
  refuse("duplicate", "ping", "top twice", '{"seq":5,"top":"bye","top":"ping","rcv":2}', "json:duplicate");
  refuse("seq-decimal", "ping", "seq with a decimal point", '{"seq":5.0,"top":"ping","rcv":2}', "json:integer");
  refuse("rcv-minus-zero", "ping", "rcv of -0", '{"seq":5,"top":"ping","rcv":-0}', "json:integer");
  refuse(
    "proto",
    "ping",
    "a member named __proto__",
    '{"seq":5,"top":"ping","rcv":2,"__proto__":{}}',
    "claims:proto ctl:unknown-member",
  );
  refuse(
    "pong-unsent",
    "pong",
    "a ref to what was not sent",
    { ...PING, top: "pong", ref: STATE.sent + 1 },
    "req:ref-unsent",
  );
  refuse(
    "err-unsent",
    "err",
    "a ref to what was not sent",
    { ...PING, top: "err", code: "E_DENIED", ref: STATE.sent + 1 },
    "req:ref-unsent",
  );
  accept(scene, "rcv-all", "everything sent was received", ["ctl:rcv"], { ...PING, rcv: STATE.sent });
  accept(scene, "rcv-same", "rcv as in the message before", ["ctl:rcv"], { ...PING, rcv: STATE.rcv });
  refuse(
    "rcv-unsent",
    "rcv-all",
    "an rcv above the last number sent",
    { ...PING, rcv: STATE.sent + 1 },
    "ctl:rcv ctl:rcv-send",
    ["E_SEQ", "claims"],
  );
  refuse("rcv-less", "rcv-same", "an rcv less than that before", { ...PING, rcv: STATE.rcv - 1 }, "ctl:rcv", [
    "E_SEQ",
    "claims",
  ]);
  refuse("rcv-max", "rcv-all", "an rcv of 2^53 - 1", { ...PING, rcv: Number.MAX_SAFE_INTEGER }, "ctl:rcv", [
    "E_SEQ",
    "claims",
  ]);
}
