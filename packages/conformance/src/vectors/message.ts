// message.json: messages of a session at every level, on both wires, in both codecs; control.
import { unhex } from "../kit/bytes.ts";
import { applicationMessage } from "../kit/messages.ts";
import { evidenceGroups } from "./evidence.ts";
import { CLOCK, type Generator, type Group } from "./file.ts";
import { bindingRefusals, numberRefusals, tableRefusals, times } from "./message-claims.ts";
import { controlGroups } from "./message-control.ts";
import { cryptoRefusals, innerRefusals, sequenceRefusals, twin } from "./message-crypto.ts";
import { elsewhereRefusals, frameRefusals, headerRefusals } from "./message-frames.ts";
import { orderRefusals } from "./message-order.ts";
import { BATCH, Scene, type SceneOptions, SEQ, STATE } from "./message-scene.ts";
import { sealGroups } from "./message-seal.ts";
import { sealBatchGroups } from "./message-seal-batch.ts";
import { windowGroups } from "./message-window.ts";

/** Beside what every scene shows. Each family of refusals runs at every level, and in full where it says so. */
interface Families {
  /** All header members and types, not the first few. */
  readonly headers?: true;
  readonly table?: true;
  readonly times?: true;
  readonly order?: true;
}

const SCENES: readonly (SceneOptions & Families)[] = [
  { wire: "text", level: "mac", codec: "json", from: "client", headers: true, times: true },
  { wire: "text", level: "mac", codec: "cbor", from: "server", table: true },
  { wire: "binary", level: "mac", codec: "json", from: "server", order: true },
  { wire: "binary", level: "mac", codec: "cbor", from: "client" },
  { wire: "text", level: "aead", codec: "json", from: "client", headers: true, table: true, order: true },
  { wire: "text", level: "aead", codec: "cbor", from: "server" },
  { wire: "binary", level: "aead", codec: "json", from: "server" },
  { wire: "binary", level: "aead", codec: "cbor", from: "client", table: true, times: true },
  { wire: "text", level: "sig", codec: "json", alg: "ES256", from: "client", headers: true, table: true, order: true },
  { wire: "text", level: "sig", codec: "cbor", alg: "Ed25519", from: "server", headers: true },
  { wire: "binary", level: "sig", codec: "json", alg: "ES256", from: "client", times: true },
  { wire: "binary", level: "sig", codec: "cbor", alg: "Ed25519", from: "server" },
  { wire: "text", level: "nest", codec: "json", alg: "Ed25519", from: "server", headers: true, table: true },
  { wire: "text", level: "nest", codec: "cbor", alg: "ES256", from: "client", times: true },
  { wire: "binary", level: "nest", codec: "json", alg: "Ed25519", from: "client" },
  { wire: "binary", level: "nest", codec: "cbor", alg: "ES256", from: "server", order: true },
];

function honest(scene: Scene): void {
  const { codec } = scene.options;
  scene.accept("json", "an object as data", ["level:order", "claims:table"]);
  const bytes = codec === "cbor" ? { dat: unhex("00ff10") } : { dat: undefined, bin: "AP8Q" };
  scene.accept("bytes", "bytes as data", ["claims:table"], bytes);
  scene.accept("request", "a request", ["claims:table"], { req: true });
  scene.accept("reply", "a reply to the last number sent", ["req:ref-unsent"], { ref: STATE.sent });
  scene.accept("batch", "three messages under one seal", ["batch:list"], {
    top: undefined,
    dat: undefined,
    bat: BATCH,
  });
  scene.accept("no-data", "neither dat nor bin", ["claims:no-data"], { dat: undefined });
  scene.accept("unknown-claim", "claims beyond the table", ["claims:unknown"], { later: { x: [1] } });
  scene.accept("jti", "a message that may be sent again in another session", ["claims:table"], {
    jti: "AAAAAAAAAAAAAAAAAAAAAA",
    iat: CLOCK - 1,
  });
  if (scene.encrypted) scene.accept("pad", "a claim that hides the length", ["claims:table"], { pad: "xxxxxxxx" });
  if (!scene.signed) scene.accept("iat", "the time of sealing", ["claims:table"], { iat: CLOCK - 1 });
  otherOrder(scene);
}

/** Readers do not depend on the order of claims, and not on which of two valid ES256 signatures they get. */
function otherOrder(scene: Scene): void {
  const claims = Object.entries(scene.claims());
  const { channel } = scene;
  if (!scene.signed && scene.options.codec === "json") {
    const reversed = JSON.stringify(Object.fromEntries(claims.reverse()));
    const message = applicationMessage(channel, reversed, { seq: SEQ });
    scene.group.accept(
      "claims-order",
      "the claims in the opposite order",
      ["claims:table"],
      { message },
      scene.opened(),
    );
  }
  if (scene.level !== "sig" || scene.options.alg !== "ES256") return;
  const text = twin(scene.text());
  const result = { ...scene.opened(), jws: text };
  scene.group.accept(
    "twin",
    "the other signature (r, n - s) of the same claims",
    ["level:verify"],
    { message: scene.send(text) },
    result,
  );
}

function sessionGroup({ headers, table, times: withTimes, order, ...options }: SceneOptions & Families): Group {
  const { level, wire, codec, alg } = options;
  const id = [level, wire, codec, ...(alg ? [alg.toLowerCase()] : [])].join("-");
  const scene = new Scene(id, "envelope.md#9-opening", options);
  // What depends on the wire is shown in full with one codec of it.
  const full = (wire === "text") === (codec === "json");
  honest(scene);
  if (full) frameRefusals(scene);
  if (wire === "text") headerRefusals(scene, headers === true);
  elsewhereRefusals(scene);
  if (full && scene.encrypted) sequenceRefusals(scene);
  if (full) cryptoRefusals(scene);
  if (full && level === "nest") innerRefusals(scene);
  if (scene.signed) bindingRefusals(scene);
  numberRefusals(scene);
  if (table) tableRefusals(scene);
  if (withTimes) times(scene);
  if (order) orderRefusals(scene);
  keyLimit(scene);
  return scene.group;
}

/** The highest number that keys may seal. */
function keyLimit(scene: Scene): void {
  if (scene.options.codec === "cbor") return;
  const most = 2 ** 24;
  scene.accept("seq-most", "the last number of the keys", ["limit:key-open"], { seq: most }, { last: most - 1 });
  const message = scene.message({ seq: most + 1 });
  scene.refuse(
    "key-limit",
    "the number after the last one of the keys",
    ["limit:key-open"],
    message,
    ["E_KEY_LIMIT", "commit"],
    { from: "seq-most", last: most },
  );
}

export const generate: Generator = () => [
  ...SCENES.map(sessionGroup),
  ...controlGroups(),
  ...windowGroups(),
  ...evidenceGroups(),
  ...sealGroups(),
  ...sealBatchGroups(),
];
