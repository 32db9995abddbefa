// The examples of the specification: one handshake and one message, made by the built core with fixed keys, randomness
// and clock, then opened by stock jose before anything is written.
import { createHash } from "node:crypto";
import { compactDecrypt, compactVerify, importJWK } from "jose";
import { signEs256 } from "../../packages/conformance/dist/kit/rfc6979.js";
import { publicJwkOf } from "../../packages/core/dist/crypto/jwk.js";
import { backend, keyAgreement } from "../../packages/core/dist/crypto/node.js";
import { createKeySet } from "../../packages/core/dist/keys/keyset.js";
import { thumbprint } from "../../packages/core/dist/keys/thumbprint.js";
import { DEFAULT_LIMITS } from "../../packages/core/dist/registry.generated.js";
import { ClientHandshake } from "../../packages/core/dist/session/client-handshake.js";
import { expand } from "../../packages/core/dist/session/established.js";
import { ServerHandshake } from "../../packages/core/dist/session/server-handshake.js";
import { encodeBase64url } from "../../packages/core/dist/wire/base64url.js";
import { decodeFrame, decodeText, encodeText } from "../../packages/core/dist/wire/frame.js";

export const CLOCK = 1_893_456_000;
const ID = "https://chat.example";
const TOKEN = "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJleGFtcGxlIjp0cnVlfQ.c2lnbmF0dXJl";
const time = { unix: CLOCK * 1000, elapsed: 0 };
const text = (bytes) => Buffer.from(bytes).toString("utf8");
const hex = (bytes) => Buffer.from(bytes).toString("hex");
const fixed = (label) => new Uint8Array(createHash("sha256").update(`sealwire-vectors/1/${label}`).digest());

/** node:crypto with fixed keys and randomness; remembers what HKDF gave, by the label in `info`. */
function fixedBackend(name, derived) {
  let drawn = 0;
  const record = (label, bytes) => {
    derived[label] = bytes;
    return bytes;
  };
  const watch = (secret) => ({
    ...secret,
    bytes: (salt, info, length) => {
      const label = labelOf(info);
      // Derived at level mac alone, and of use to whoever builds that.
      if (label.endsWith(" app kid")) record(label.replace("kid", "mac"), secret.bytes(salt, macInfo(info), 32));
      return record(label, secret.bytes(salt, info, length));
    },
    aead: (salt, info) => record(labelOf(info), secret.bytes(salt, info, 32)) && secret.aead(salt, info),
    mac: (salt, info) => record(labelOf(info), secret.bytes(salt, info, 32)) && secret.mac(salt, info),
  });
  return {
    ...backend,
    name,
    random: (length) => fixed(`${name} random ${drawn++}`).subarray(0, length),
    generateKeyAgreement(suite) {
      const agreement = keyAgreement(suite, fixed(`${name} ephemeral ${suite}`));
      return { ...agreement, agree: (peer) => watch(agreement.agree(peer)) };
    },
  };
}

/** info = "sealwire1 " || label || 0x00 || ctx */
const labelOf = (info) => text(info.subarray(10, info.indexOf(0)));

/** That of the HS256 key beside that of K. */
const macInfo = (info) => {
  const end = info.indexOf(0);
  return Buffer.concat([info.subarray(0, end - 3), Buffer.from("mac"), info.subarray(end)]);
};

async function fixedKey(label) {
  const d = fixed(label);
  const { publicJwk } = keyAgreement("p256", d);
  const signer = { alg: "ES256", publicJwk: publicJwkOf(publicJwk), sign: (data) => signEs256(d, data) };
  return { signer, id: { alg: "ES256", thumbprint: await thumbprint(backend, publicJwk) } };
}

async function handshake(protocol) {
  const derived = {};
  const [identity, proof] = [await fixedKey("server identity"), await fixedKey("client proof")];
  const keys = { keys: [{ ...identity.signer.publicJwk, alg: "ES256" }] };
  const offer = { suites: ["p256"], levels: ["aead"], codecs: ["json"], signatures: ["ES256"] };
  const common = { limits: DEFAULT_LIMITS, protocol };
  const client = new ClientHandshake({
    ...common,
    backend: fixedBackend("client", derived),
    serverId: ID,
    serverKeys: await createKeySet(backend, keys, { source: "configured" }),
    offeredProtocols: ["sealwire.v1.cbor", "sealwire.v1.text"].slice(protocol === "sealwire.v1.text" ? 1 : 0),
    offer,
    token: TOKEN,
    tokenSentAtUpgrade: false,
    proof,
  });
  const server = new ServerHandshake({
    ...common,
    backend: fixedBackend("server", {}),
    id: ID,
    signers: [identity],
    accept: offer,
    protocols: ["sealwire.v1.cbor", "sealwire.v1.text"],
    proof: "optional",
    upgradeToken: undefined,
    verifyToken: async () => ({
      subject: "alice",
      scopes: ["chat.say"],
      expiresAt: CLOCK + 3600,
      jkt: proof.id.thumbprint,
    }),
    admit: () => true,
  });
  const frame = (payload) => (typeof payload === "string" ? decodeText(payload) : decodeFrame(payload));
  const ch = (await client.start()).send;
  const sh = (await server.receive(frame(ch), time)).send;
  const ca = (await client.receive(frame(sh), time)).send;
  const ready = await server.receive(frame(ca), time);
  const { established } = await client.receive(frame(ready.send), time);
  return { objects: [ch, sh, ca, ready.send].map(frame), derived, established, identity, proof };
}

const block = (language, content) => `\`\`\`${language}\n${content}\n\`\`\`\n`;
/** Long lines are broken for the eye only; the text around says so. */
const wrap = (value) => value.match(/.{1,112}/g).join("\n");
const open = async (compact, key) => text((await compactDecrypt(compact, key)).plaintext);

export async function examples() {
  const { objects, derived, established, identity, proof } = await handshake("sealwire.v1.cbor");
  const [ch, sh, ca, sr] = objects.map((frame) => encodeText(frame));
  await compactVerify(sh, await importJWK({ ...identity.signer.publicJwk, alg: "ES256" }, "ES256"));
  const inner = await open(ca, derived["c hs key"]);
  await compactVerify(inner, await importJWK({ ...proof.signer.publicJwk, alg: "ES256" }, "ES256"));
  const payload = (jws) => Buffer.from(jws.split(".")[1], "base64url").toString("utf8");
  const header = (compact) => Buffer.from(compact.split(".")[0], "base64url").toString("utf8");
  const keys = [
    "c hs key",
    "c hs iv",
    "c hs kid",
    "s hs key",
    "s hs iv",
    "s hs kid",
    "c app key",
    "c app iv",
    "c app mac",
    "c app kid",
    "s app key",
    "s app iv",
    "s app mac",
    "s app kid",
  ];
  const rows = keys.map((label) => `| \`${label}\` | \`${hex(derived[label])}\` |`);

  const { machine } = established;
  let prepared;
  machine.events = {
    onPrepared: (message) => {
      prepared = message;
    },
  };
  const message = { topic: "chat.say", data: { text: "hello" }, ttl: DEFAULT_LIMITS.messageTtl, alone: true };
  machine.add(message, time, { session: established.facts.id, seq: 0 });
  const binary = await prepared.seal();
  const compact = expand(machine, binary, "out");
  if ((await open(compact, derived["c app key"])) !== text(prepared.claims))
    throw new Error("jose opens something else");

  return {
    "example-handshake": [
      "Private keys and random values are SHA-256 of `sealwire-vectors/1/` and a label: `server identity`, `client proof`, `client ephemeral p256`,",
      "`server ephemeral p256`, `client random 0`, `server random 0`. Signatures use the nonces of RFC 6979; the clock stands at 1893456000. The access token is",
      "a placeholder. Line breaks inside a value are for the page only.",
      "\nCH, in clear:",
      block("json", wrap(ch)),
      "SH, compact JWS, and its payload:",
      block("text", wrap(sh)),
      block("json", wrap(payload(sh))),
      "CA, compact JWE; its plaintext, which is a compact JWS; the header and the payload of that:",
      block("text", wrap(ca)),
      block("text", wrap(inner)),
      block("json", `${wrap(header(inner))}\n${wrap(payload(inner))}`),
      "SR, compact JWE, and its plaintext:",
      block("text", wrap(sr)),
      block("json", wrap(await open(sr, derived["s hs key"]))),
      `\`sid\` is \`${established.facts.id}\`. The derived values, by label:\n`,
      "| label | value |\n|---|---|",
      ...rows,
    ].join("\n"),
    "example-message": block("json", `${header(compact)}\n${text(prepared.claims)}`),
    "example-text": block("text", wrap(compact)),
    "example-binary": block("text", wrap(hex(binary))),
    kid: encodeBase64url(derived["c app kid"]),
  };
}
