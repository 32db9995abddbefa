// What runs inside the browser: points, key agreement and standalone envelopes on the crypto of that engine. WebKit, for one, imports points
// that are off their curve, so what core checks by itself has to be seen where it runs.
import {
  type CryptoBackend,
  checkPublicJwk,
  decodeBase64url,
  ephemeralKey,
  KeySchedule,
  openWith,
  type PrivateJwk,
  sessionId,
  thumbprint,
  transcriptHash,
} from "@sealwire/core/internal";
import { backend } from "@sealwire/core/internal/webcrypto";

// biome-ignore lint/suspicious/noExplicitAny: JSON of a vector, whose shape its schema has checked
type Input = any;

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const unhex = (text: string): Uint8Array =>
  Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

async function checkKey({ jwk, use }: Input): Promise<object> {
  const checked = checkPublicJwk(jwk, use);
  if (!checked.ok) throw Object.assign(new Error(checked.detail), { code: "E_KEY", stage: "claims" });
  return use === "sign" ? { thumbprint: await thumbprint(backend, checked.jwk) } : {};
}

type Secret = Awaited<ReturnType<Awaited<ReturnType<CryptoBackend["importKeyAgreement"]>>["agree"]>>;

async function derive({ suite, own, peer, m1, m2, p3 }: Input): Promise<object> {
  const agreement = await backend.importKeyAgreement({ ...(own as PrivateJwk), alg: "ECDH-ES" });
  const z = await agreement.agree(ephemeralKey(peer, suite));
  const labels: Record<string, string> = {};
  const bytes: Secret["bytes"] = async (salt, info, length) => {
    const raw = await z.bytes(salt, info, length);
    labels[new TextDecoder("latin1").decode(info.subarray(10, info.indexOf(0)))] = hex(raw);
    return raw;
  };
  const watched: Secret = {
    bytes,
    aead: async (salt, info) => (await bytes(salt, info, 32)) && z.aead(salt, info),
    mac: async (salt, info) => (await bytes(salt, info, 32)) && z.mac(salt, info),
  };
  const th2 = await transcriptHash(backend, "th2", utf8(m1), utf8(m2));
  const th3 = await transcriptHash(backend, "th3", th2, utf8(p3));
  const schedule = new KeySchedule(watched, th2);
  await schedule.handshakeKeys("c", th2);
  await schedule.handshakeKeys("s", th3);
  await schedule.trafficKeys("c", th3, "mac");
  await schedule.trafficKeys("s", th3, "mac");
  await schedule.chain(th3);
  await schedule.channelBinding(th3);
  return { th2: hex(th2), th3: hex(th3), sid: await sessionId(backend, th2), labels };
}

async function open({ message, now, seen: _, ...options }: Input): Promise<object> {
  const replay = { insert: () => "new" as const };
  const envelope = "text" in message ? message.text : unhex(message.binary);
  const opened = await openWith(backend, envelope, { ...options, replay, now: () => now * 1000 });
  return { iss: opened.issuer, aud: opened.audience, jti: opened.id, top: opened.topic, encrypted: opened.encrypted };
}

const OPS: Readonly<Record<string, (input: Input) => Promise<object>>> = {
  "key.check": checkKey,
  "kdf.derive": derive,
  "standalone.open": open,
};

/** One result for each vector, in their order. */
async function run(cases: readonly { readonly op: string; readonly input: Input }[]): Promise<readonly object[]> {
  const results: object[] = [];
  for (const { op, input } of cases) {
    try {
      results.push({ ok: true, ...(await (OPS[op] as (input: Input) => Promise<object>)(input)) });
    } catch (error) {
      const { code, stage, name, message } = error as Error & { readonly code?: string; readonly stage?: string };
      if (code === undefined && !(error instanceof TypeError)) results.push({ defect: `${name}: ${message}` });
      else results.push({ ok: false, error: code ?? "TypeError", step: stage ?? "local" });
    }
  }
  return results;
}

/** What each text says, as hexadecimal digits; undefined for one that is refused. */
function decode(texts: readonly string[]): readonly (string | undefined)[] {
  return texts.map((text) => {
    try {
      return hex(decodeBase64url(text));
    } catch (error) {
      if ((error as { readonly code?: string }).code === "E_B64") return undefined;
      throw error;
    }
  });
}

Object.assign(globalThis, { runVectors: run, decodeTexts: decode });
