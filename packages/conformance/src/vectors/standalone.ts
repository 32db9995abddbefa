// standalone.json: envelopes outside of any session.
import { unhex } from "../kit/bytes.ts";
import { outerHeader, signedHeader } from "../kit/envelopes.ts";
import type { Generator, Group } from "./file.ts";
import { partyVectors, replays, signatureRefusals, tableRefusals, times } from "./standalone-claims.ts";
import { decryptRefusals, innerRefusals, outerHeaderRefusals } from "./standalone-encrypted.ts";
import { frameRefusals, signedHeaderRefusals } from "./standalone-frames.ts";
import { orderRefusals } from "./standalone-order.ts";
import { Scene, type SceneOptions } from "./standalone-scene.ts";
import { publishedKid, sealGroups } from "./standalone-seal.ts";

/** `full`: every refusal; the others show that wire, algorithm and curve are independent of each other. */
const SCENES: readonly (SceneOptions & { readonly full?: true })[] = [
  { wire: "text", alg: "ES256", full: true },
  { wire: "binary", alg: "Ed25519", full: true },
  { wire: "text", alg: "Ed25519" },
  { wire: "binary", alg: "ES256" },
  { wire: "text", alg: "ES256", curve: "p256", full: true },
  { wire: "binary", alg: "Ed25519", curve: "x25519", full: true },
  { wire: "binary", alg: "Ed25519", curve: "p256" },
  { wire: "text", alg: "ES256", curve: "x25519" },
];

function honest(scene: Scene): void {
  const { group } = scene;
  const table = ["standalone:claims"];
  scene.accept("json", "an object as data", ["standalone:order", ...table]);
  scene.accept("bytes", "bytes as data", table, { dat: undefined, bin: unhex("00ff10").toString("base64url") });
  scene.accept("answer", "an answer to another envelope", table, { ref: "AAAAAAAAAAAAAAAAAAAAAA" });
  scene.accept("no-data", "neither dat nor bin", ["claims:no-data"], { dat: undefined });
  scene.accept("unknown-claim", "claims beyond the table", ["claims:unknown"], { sub: "u", later: { x: [1] } });
  if (scene.encrypted) scene.accept("pad", "a claim that hides the length", table, { pad: "xxxxxxxx" });
  const header = scene.encrypted ? outerHeader(scene.envelope) : signedHeader(scene.envelope);
  const reversed = Object.fromEntries(Object.entries(header).reverse());
  const spaced = JSON.stringify(header, null, 1);
  const opened = scene.opened();
  const parsed = ["header:allow-list"];
  group.accept(
    "header-order",
    "the members of the header in the opposite order",
    parsed,
    { message: scene.message({}, { header: reversed }) },
    opened,
  );
  group.accept(
    "header-white-space",
    "white space in the header",
    parsed,
    { message: scene.message({}, { header: spaced }) },
    opened,
  );
}

function envelopeGroup({ full, ...options }: SceneOptions & { readonly full?: true }): Group {
  const scene = new Scene(options);
  honest(scene);
  partyVectors(scene);
  replays(scene);
  if (!full) return scene.group;
  frameRefusals(scene);
  if (scene.encrypted) {
    outerHeaderRefusals(scene);
    decryptRefusals(scene);
    innerRefusals(scene);
  } else {
    signedHeaderRefusals(scene);
    publishedKid(scene);
    signatureRefusals(scene);
  }
  if (options.wire === "text") tableRefusals(scene);
  else times(scene);
  orderRefusals(scene);
  return scene.group;
}

export const generate: Generator = () => [...SCENES.map(envelopeGroup), ...sealGroups()];
