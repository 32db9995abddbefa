// Sealing, and configurations that an importer refuses.
import { b64u, flip, unb64u } from "../kit/bytes.ts";
import type { Claims } from "../kit/envelopes.ts";
import { thumbprint } from "../kit/keys.ts";
import { Group } from "./file.ts";
import { $key, jwkOf } from "./keys.ts";
import {
  asPublic,
  ISSUER,
  idOf,
  KEYS,
  OTHER,
  openerContext,
  recipientKey,
  Scene,
  type SceneOptions,
  SECTION,
} from "./standalone-scene.ts";

type Values = Record<string, unknown>;
const SEALING = "envelope.md#134-sealing";
const TYPE_ERROR = ["TypeError", "local"] as const;

const SCENES: readonly SceneOptions[] = [
  { wire: "text", alg: "Ed25519" },
  { wire: "binary", alg: "Ed25519" },
  { wire: "text", alg: "ES256" },
  { wire: "text", alg: "ES256", curve: "p256" },
  { wire: "binary", alg: "Ed25519", curve: "x25519" },
];

const CONTENTS: readonly (readonly [name: string, comment: string, over: Claims, data?: unknown])[] = [
  ["json", "an object", {}],
  ["bytes", "bytes", { dat: undefined, bin: "AP8Q" }, { $bytes: "00ff10" }],
  ["answer", "an answer to another envelope", { ref: "AAAAAAAAAAAAAAAAAAAAAA", dat: null }],
  ["text", "text beyond ASCII", { dat: "hällo, 世界 🌍", top: "a/b:c_d.e-f" }],
];

const inputOf = (scene: Scene, over: Claims, data?: unknown): Values => {
  const { iss, aud, jti, iat, exp, top, ref, dat } = scene.claims(over);
  return { iss, aud, jti, iat, exp, top, ...(ref === undefined ? {} : { ref }), data: data ?? dat };
};

function sealGroup(options: SceneOptions): Group {
  const scene = new Scene(options);
  const { wire, alg, curve } = options;
  const encryptTo = curve === undefined ? {} : { encryptTo: asPublic(recipientKey(curve)) };
  const context = { wire, signer: $key(`sender ${alg}`), ...encryptTo };
  const group = new Group(`standalone/seal-${idOf(options)}`, {
    level: "L1",
    section: SEALING,
    op: "standalone.seal",
    context,
  });
  const slugs = ["header:exact", "claims:order", "standalone:signed"];
  for (const [name, comment, over, data] of CONTENTS) {
    const input = inputOf(scene, over, data);
    if (alg === "Ed25519" && curve === undefined)
      group.accept(name, comment, slugs, input, { message: scene.message(over) });
    else {
      const result = { ok: true, ...scene.opened(over) };
      group.accept(name, comment, slugs, input, {}, { op: "standalone.open", input: openerContext(options), result });
    }
  }
  const refuse = (name: string, mutation: string, req: string, over: Values): void => {
    group.refuse(name, "json", mutation, [req], { ...inputOf(scene, {}), ...over }, TYPE_ERROR);
  };
  refuse("top", "a space in top", "standalone:claims", { top: "order placed" });
  refuse("iss", "an empty iss", "standalone:claims", { iss: "" });
  refuse("aud", "a space in aud", "standalone:claims", { aud: "orders example" });
  refuse("ref", "a ref as in sessions", "standalone:claims", { ref: 5 });
  refuse("proto", "a member named __proto__", "claims:data-model", { data: JSON.parse('{"__proto__":1}') as unknown });
  const { alg: _, ...noAlg } = jwkOf(`sender ${alg}`);
  refuse("signer-no-alg", "a signing key without alg", "key:config", { signer: noAlg });
  if (curve !== undefined) recipients(refuse, curve);
  return group;
}

function recipients(
  refuse: (name: string, mutation: string, req: string, over: Values) => void,
  curve: "p256" | "x25519",
): void {
  const to = (name: string, mutation: string, encryptTo: Values): void =>
    refuse(name, mutation, "standalone:recipient-jwk", { encryptTo });
  const jwk = asPublic(recipientKey(curve));
  to("to-no-alg", "a recipient key without alg", { ...jwk, alg: undefined });
  to("to-signature-alg", "a recipient key with the alg of signatures", { ...jwk, alg: "ES256" });
  to("to-signer", "a signature key as recipient", { ...$publicValues("other Ed25519"), alg: "ECDH-ES" });
  if (curve === "p256") to("to-off-curve", "a recipient key off its curve", { ...jwk, y: offCurve(jwk.y as string) });
  else to("to-small-order", "a recipient key of small order", { ...jwk, x: b64u(Buffer.alloc(32)) });
}

const $publicValues = (label: string): Values => asPublic(jwkOf(label) as unknown as Values);
const offCurve = (y: string): string => b64u(flip(unb64u(y), -1));

/** What an opener is told once, before any envelope arrives. */
function configuration(): Group {
  const options: SceneOptions = { wire: "text", alg: "ES256", curve: "p256" };
  const scene = new Scene(options);
  const context = { ...openerContext(options), message: scene.message() };
  const group = new Group("standalone/configuration", {
    level: "L1",
    section: "envelope.md#133-keys",
    op: "standalone.open",
    context,
    fatal: false,
  });
  const jwk = recipientKey("p256");
  const sender = asPublic(jwkOf("sender ES256") as unknown as Values);
  group.accept("usual", "known issuers and a recipient key", ["standalone:recipient"], {}, scene.opened());
  const victim = thumbprint(jwkOf("other ES256"));
  const named = { ...KEYS, [ISSUER]: { keys: [{ ...sender, kid: victim, use: "sig" }] } };
  group.accept(
    "kid-ignored",
    "a kid member that is another key's thumbprint",
    ["key:kid-ignored"],
    { keys: named },
    scene.opened(),
  );
  const refuse = (name: string, mutation: string, req: string, input: Values): void => {
    group.refuse(name, "usual", mutation, [req], input, TYPE_ERROR);
  };
  const recipient = (name: string, mutation: string, over: Values): void =>
    refuse(name, mutation, "standalone:recipient-jwk", { decryptionKey: { ...jwk, ...over } });
  recipient("recipient-no-alg", "a decryption key without alg", { alg: undefined });
  recipient("recipient-alg", "a decryption key with the alg of signatures", { alg: "ES256" });
  recipient("recipient-key-wrap", "a decryption key for key wrapping", { alg: "ECDH-ES+A256KW" });
  recipient("recipient-off-curve", "a decryption key off its curve", { y: offCurve(jwk.y as string) });
  const keys = (name: string, mutation: string, req: string, value: Values): void =>
    refuse(name, mutation, req, { keys: value });
  const { alg: _, ...noAlg } = sender;
  keys("signer-no-alg", "a signing key without alg", "key:config", { [ISSUER]: { keys: [noAlg] } });
  keys("signer-other-alg", "a signing key with another algorithm", "key:config", {
    [ISSUER]: { keys: [{ ...sender, alg: "Ed25519" }] },
  });
  keys("signer-off-curve", "a signing key off its curve", "key:config", {
    [ISSUER]: { keys: [{ ...sender, y: offCurve(sender.y as string) }] },
  });
  keys("two-identities", "one key of two identities", "key:config-duplicate", {
    [ISSUER]: { keys: [sender] },
    [OTHER]: { keys: [sender] },
  });
  keys("key-use", "one key that signs and decrypts", "standalone:key-use", {
    ...KEYS,
    "third.example": { keys: [{ ...asPublic(jwk), alg: "ES256" }] },
  });
  refuse("max-life", "a longest life of a day and a second", "standalone:ttl-max", { maxLife: 86401 });
  return group;
}

/** A kid that a key set gives names nothing: only the thumbprint does. */
export function publishedKid(scene: Scene): void {
  const { alg } = scene.options;
  const named = {
    ...KEYS,
    [ISSUER]: { keys: [{ ...asPublic(jwkOf(`sender ${alg}`) as unknown as Values), kid: "2030-01" }] },
  };
  const header = { alg, kid: "2030-01", typ: "sealwire-env+jwt" };
  const slugs = ["key:kid-ignored", "standalone:signer"];
  scene.refuse(
    "kid-published",
    "the kid of the key set in place of the thumbprint",
    slugs,
    scene.message({}, { header }),
    ["E_KEY", "header"],
    { keys: named },
  );
}

/** Not every opener can decrypt. */
function withoutDecryptionKey(): Group {
  const options: SceneOptions = { wire: "text", alg: "ES256", curve: "p256" };
  const { decryptionKey, ...context } = openerContext(options);
  const group = new Group("standalone/no-decryption-key", {
    level: "L1",
    section: SECTION,
    op: "standalone.open",
    context,
    fatal: false,
  });
  const scene = new Scene(options);
  const message = scene.message();
  const slugs = ["standalone:recipient"];
  group.accept("with-key", "an opener with the recipient key", slugs, { message, decryptionKey }, scene.opened());
  group.refuse("without-key", "with-key", "an opener without it", slugs, { message }, ["E_KEY", "header"]);
  const other = { ...recipientKey("x25519") };
  group.refuse("other-key", "with-key", "an opener with another one", slugs, { message, decryptionKey: other }, [
    "E_KEY",
    "header",
  ]);
  return group;
}

export const sealGroups = (): Group[] => [...SCENES.map(sealGroup), configuration(), withoutDecryptionKey()];
