// Window order (specs/replay.md, section 5): numbers in any order, each once.
import { flip } from "../kit/bytes.ts";
import type { Message } from "../kit/jose.ts";
import { type Claims, keyId, withSegment } from "../kit/messages.ts";
import type { Group, Step } from "./file.ts";
import { OTHER_CONNECTION, Scene, type SceneOptions, STATE } from "./message-scene.ts";

type Verdict = readonly [error: string, step: Step];

const W = 1024;
const TOP = 5000;
const { last: _, ...REST } = STATE;
/** Committed: the top, the one before it, and the lowest inside the window. */
const ORDER = { ...REST, order: "window", window: W, committed: [TOP - W + 1, TOP - 1, TOP] };
const KEY_MESSAGES = 2 ** 24;

const SCENES: readonly SceneOptions[] = [
  { wire: "text", level: "mac", codec: "json", from: "client" },
  { wire: "binary", level: "aead", codec: "cbor", from: "client" },
  { wire: "text", level: "aead", codec: "json", from: "server" },
  { wire: "binary", level: "sig", codec: "json", alg: "Ed25519", from: "client" },
  { wire: "text", level: "nest", codec: "cbor", alg: "ES256", from: "server" },
];

export function windowGroups(): Group[] {
  return SCENES.map((options) => {
    const scene = new Scene(`window-${options.level}-${options.wire}`, "replay.md#51-the-window", options, ORDER);
    const [accepted, old] = [["window:accept"], ["window:old"]];
    const step: Step = scene.encrypted ? "sequence" : "claims";
    scene.accept("next", "the number after the top", accepted, { seq: TOP + 1 });
    scene.accept("gap", "a number left out", accepted, { seq: TOP + 2 });
    scene.accept("jump", "far more than the window left out", accepted, { seq: TOP + 100 * W });
    scene.accept("behind", "a number that had been left out", accepted, { seq: TOP - 2 });
    scene.accept(
      "lowest",
      "the lowest number of the window",
      accepted,
      { seq: TOP - W + 1 },
      { committed: [TOP - 1, TOP] },
    );
    scene.accept("first", "nothing has arrived before", accepted, { seq: 17 }, { committed: [] });
    scene.accept(
      "moved",
      "the bit of a number that the ring has passed",
      accepted,
      { seq: TOP + 1 },
      { committed: [TOP - 2 * W - 31, TOP] },
    );
    scene.accept(
      "late-bit",
      "a number whose word was in use for an older one",
      accepted,
      { seq: TOP - 2 },
      { committed: [TOP - 2 - 1056, TOP - 2 - 2048, TOP] },
    );
    const refuse = (
      name: string,
      from: string,
      mutation: string,
      seq: number,
      req: readonly string[],
      input: object = {},
    ): void => drop(scene, { name, from, mutation, req }, scene.message({ seq }), ["E_REPLAY", step], input);
    refuse("top", "next", "the top again", TOP, ["seq:replay"]);
    refuse("committed", "behind", "a committed number below the top", TOP - 1, ["seq:replay"]);
    refuse("lowest-committed", "lowest", "the lowest number of the window again", TOP - W + 1, ["seq:replay"]);
    refuse("old", "lowest", "the number below the window", TOP - W, old, { committed: [TOP - 1, TOP] });
    refuse("one", "behind", "the number 1", 1, old);
    refuse("small-window", "behind", "a window of 2 numbers", TOP - 2, old, { window: 2 });
    others(scene);
    return scene.group;
  });
}

interface What {
  readonly name: string;
  readonly from: string;
  readonly mutation: string;
  readonly req: readonly string[];
}

/** A failure that ends nothing: the first of its connection is dropped and counted. */
function drop({ group }: Scene, what: What, message: Message, verdict: Verdict, input: object = {}): void {
  const { name, from, mutation, req } = what;
  group.refuse(name, from, mutation, [...req, "window:drop"], { message, ...input }, verdict, { fatal: false });
}

/** Other failures before step inner are dropped too; the rest stays as in strict order. */
function others(scene: Scene): void {
  const refuse = (name: string, from: string, mutation: string, req: string, over: Claims, verdict: Verdict): void =>
    scene.refuse(name, mutation, [req], scene.message(over), verdict, { from });
  const seq = TOP + 1;
  const forged = scene.send(
    withSegment(scene.text({ seq }), -1, (bytes) => flip(bytes)),
    { seq },
  );
  const proof = { name: "forged", from: "next", mutation: "a bit of the proof", req: ["level:verify"] };
  drop(scene, proof, forged, ["E_CRYPTO", "crypto"]);
  const elsewhere = scene.wire === "text" ? { header: { alg: "none", typ: "sealwire+jwt" } } : { h: 2 };
  const header = { name: "header", from: "next", mutation: "another header", req: ["header:not-in-table"] };
  drop(scene, header, scene.message({ seq }, elsewhere), ["E_HEADER", "header"]);
  if (scene.encrypted) {
    const zero = { name: "zero", from: "next", mutation: "the number 0", req: ["seq:gap"] };
    drop(scene, zero, scene.message({ seq: 0 }), ["E_SEQ", "sequence"]);
    const message = scene.message({ seq }, { seq: TOP + 2 });
    scene.refuse("unequal", "a claim seq below the number outside", ["seq:equal"], message, ["E_SEQ", "claims"], {
      from: "gap",
    });
  } else refuse("zero", "next", "the number 0", "claims:table", { seq: 0 }, ["E_CLAIMS", "claims"]);
  refuse("ref-unsent", "next", "a ref to what was not sent", "req:ref-unsent", { seq, ref: STATE.sent + 1 }, [
    "E_CLAIMS",
    "claims",
  ]);
  refuse("key-limit", "jump", "a number above the limit of the keys", "limit:key-open", { seq: KEY_MESSAGES + 1 }, [
    "E_KEY_LIMIT",
    "commit",
  ]);
  if (scene.signed) {
    const bnd = keyId(OTHER_CONNECTION[scene.options.from]);
    const moved = { name: "bnd", from: "next", mutation: "bnd of another connection", req: ["claims:binding"] };
    drop(scene, moved, scene.message({ seq, bnd }), ["E_BINDING", "claims"]);
  }
  controlInWindow(scene, seq);
}

function controlInWindow(scene: Scene, seq: number): void {
  const ping = { seq, top: "ping", rcv: STATE.rcv };
  const accept = (name: string, comment: string, req: string, claims: Claims): void => {
    const { seq: number, top, rcv } = claims;
    scene.group.accept(
      name,
      comment,
      [req],
      { message: scene.control(claims) },
      { kind: "control", seq: number, top, rcv },
    );
  };
  accept("ping", "a control message", "window:accept", ping);
  accept("ping-behind", "a control message that had been left out", "window:accept", { ...ping, seq: TOP - 2 });
  accept("rcv-less", "an rcv less than an earlier one, as it arrives out of order", "ctl:rcv", {
    ...ping,
    rcv: STATE.rcv - 1,
  });
  accept("bye", "the end, with the highest number", "window:bye-last", { ...ping, top: "bye" });
  const refuse = (name: string, from: string, mutation: string, req: string, claims: Claims, verdict: Verdict): void =>
    scene.refuse(name, mutation, [req], scene.control(claims), verdict, { from });
  refuse("rcv-unsent", "ping", "an rcv above the last number sent", "ctl:rcv", { ...ping, rcv: STATE.sent + 1 }, [
    "E_SEQ",
    "claims",
  ]);
  const mutation = "a control message with a committed number";
  const again = { name: "ping-again", from: "ping-behind", mutation, req: ["seq:replay"] };
  drop(scene, again, scene.control({ ...ping, seq: TOP - 1 }), ["E_REPLAY", "sequence"]);
  refuse("bye-behind", "bye", "a bye below the top", "window:bye-last", { ...ping, top: "bye", seq: TOP - 2 }, [
    "E_STATE",
    "commit",
  ]);
}
