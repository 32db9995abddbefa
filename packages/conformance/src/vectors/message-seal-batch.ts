// Sealing batches, at every level, on both wires, in both codecs.
import { CLOSES, full, KINDS, TWO } from "./claims-write-batch.ts";
import { Group } from "./file.ts";
import { type From, Scene, type SceneOptions } from "./message-scene.ts";
import { openAgain, SECTION, sealerContext } from "./message-seal.ts";

const LEVELS = ["mac", "aead", "sig", "nest"] as const;

/** Both ends seal at every level, and one scene of the signed ones signs with ES256, whose bytes are not determined. */
const SCENES: readonly SceneOptions[] = LEVELS.flatMap((level, i) =>
  (["text", "binary"] as const).flatMap((wire, j) =>
    (["json", "cbor"] as const).map((codec, k) => {
      const from: From = (i + j + k) % 2 === 0 ? "client" : "server";
      if (level === "mac" || level === "aead") return { wire, level, codec, from };
      return { wire, level, codec, from, alg: wire === "text" && codec === "cbor" ? "ES256" : "Ed25519" };
    }),
  ),
);

function sealGroup(options: SceneOptions): Group {
  const { level, wire, codec, alg } = options;
  const scene = new Scene("unused", SECTION, options);
  const id = ["message/seal-batch", level, wire, codec, ...(alg ? [alg.toLowerCase()] : [])].join("-");
  const group = new Group(id, { level: "L1", section: SECTION, op: "message.seal", context: sealerContext(options) });
  const accept = (name: string, comment: string, bat: readonly (readonly unknown[])[], given: unknown = bat): void => {
    const over = { top: undefined, dat: undefined, bat };
    const { seq, iat, exp } = scene.claims(over);
    const input = { seq, ...(iat === undefined ? {} : { iat }), exp, bat: given };
    const req = ["batch:shape", "claims:order", "header:exact"];
    if (alg === "ES256") group.accept(name, comment, req, input, {}, openAgain(scene, over));
    else group.accept(name, comment, req, input, { message: scene.message(over) });
  };
  accept("two", "the smallest batch", TWO);
  accept("kinds", "one-way, request, reply to a message, reply to an item", KINDS);
  accept("full", "64 items, at which the reference implementation closes it", full(CLOSES.items));
  if (codec === "cbor") {
    const bytes = (data: unknown): unknown => ["chat.say", null, data];
    accept(
      "bytes",
      "an item of bytes",
      [TWO[0] as unknown[], bytes(Buffer.of(0, 255, 16)) as unknown[]],
      [TWO[0], bytes({ $bytes: "00ff10" })],
    );
  }
  return group;
}

export const sealBatchGroups = (): Group[] => SCENES.map(sealGroup);
