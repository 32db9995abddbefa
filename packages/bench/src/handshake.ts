import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  randomBytes,
  sign,
  verify,
} from "node:crypto";
import { Child } from "./child.ts";
import type { Place } from "./echo/world.ts";
import type { Contender } from "./rounds.ts";
import { Traffic } from "./traffic/run.ts";

export interface HandshakeFigures {
  /** Microseconds of the server's CPU for one connection, one value a round. */
  readonly sealwire: readonly number[];
  readonly ws: readonly number[];
  /** Microseconds for the cryptographic operations of the server in one handshake. */
  readonly bare: readonly number[];
  readonly perSecond: readonly number[];
  /** As `sealwire`, for a connection that was cut and whose session was taken up again on the same server. */
  readonly resume: readonly number[];
  readonly resumesPerSecond: readonly number[];
}

const none = (): { [K in keyof HandshakeFigures]: number[] } => ({
  sealwire: [],
  ws: [],
  bare: [],
  perSecond: [],
  resume: [],
  resumesPerSecond: [],
});

export const NO_HANDSHAKES: HandshakeFigures = none();

/**
 * Connections opened and closed, one server and one load; sessions taken up again, one server and one load; and the bare
 * operations, in this process. In the same rounds.
 */
export async function handshakes(
  { rounds, count }: { readonly rounds: number; readonly count: number },
  say: (what: string) => void,
): Promise<HandshakeFigures> {
  const figures = none();
  const resumed = new Traffic("sealwire");
  const kinds = ["sealwire", "ws"] as const;
  const servers = kinds.map((kind) => ({ kind, server: new Child("echo/server.js"), load: new Child("echo/load.js") }));
  const bare = bareOperations();
  try {
    const places: Place[] = [];
    for (const { kind, server } of servers) places.push(await server.ask<Place>("serve", kind));
    await resumed.open(count);
    // The first round is not counted: the engine compiles.
    for (let round = -1; round < rounds; round++) {
      say(`handshakes: round ${Math.max(1, round + 1)} of ${rounds}`);
      for (const [i, { kind, server, load }] of servers.entries()) {
        const before = await server.cpu();
        const start = performance.now();
        await load.ask("open", { kind, place: places[i], count });
        const seconds = (performance.now() - start) / 1000;
        const cpu = ((await server.cpu()) - before) / count;
        await load.ask("open", { kind, place: places[i], count: 0 });
        if (round < 0) continue;
        figures[kind].push(cpu);
        if (kind === "sealwire") figures.perSecond.push(count / seconds);
      }
      const { ms, cpu } = await resumed.resume();
      if (round >= 0) {
        figures.resume.push(cpu / count);
        figures.resumesPerSecond.push((count * 1000) / ms);
      }
      const before = process.cpuUsage();
      await bare.run(count);
      const { user, system } = process.cpuUsage(before);
      if (round >= 0) figures.bare.push((user + system) / count);
    }
  } finally {
    for (const { server, load } of servers) await Promise.all([server.end(), load.end()]);
    await resumed.end();
  }
  return figures;
}

/**
 * What a server does in one handshake with proof of possession, x25519 and ES256, and nothing else: an ephemeral key pair,
 * one agreement, one signature of its own, two to verify (the client's proof and its token), the peer's keys imported, the
 * derivations of the schedule, one message opened and one sealed, the hashes of the transcript.
 */
export function bareOperations(): Contender {
  const own = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const client = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const ephemeral = generateKeyPairSync("x25519");
  const proofJwk = client.publicKey.export({ format: "jwk" });
  const ephemeralJwk = ephemeral.publicKey.export({ format: "jwk" });
  const text = randomBytes(600);
  const es256 = (key: KeyObject) => ({ key, dsaEncoding: "ieee-p1363" as const });
  const proof = sign("sha256", text, es256(client.privateKey));
  const salt = randomBytes(32);
  const iv = randomBytes(12);
  /** kid, iv and key of two handshake keys; kid, iv, key and mac of two directions; chain, its salt, id and binding. */
  const DERIVATIONS = 6 + 8 + 3;
  const TRANSCRIPTS = 4;
  const pass = () => {
    const { privateKey } = generateKeyPairSync("x25519");
    const z = diffieHellman({ privateKey, publicKey: createPublicKey({ key: ephemeralJwk, format: "jwk" }) });
    sign("sha256", text, es256(own.privateKey));
    const proofKey = createPublicKey({ key: proofJwk, format: "jwk" });
    for (let i = 0; i < 2; i++) if (!verify("sha256", text, es256(proofKey), proof)) throw new Error("not valid");
    let key: ArrayBuffer = new ArrayBuffer(32);
    for (let i = 0; i < DERIVATIONS; i++) key = hkdfSync("sha256", z, salt, "sealwire1 label", 32);
    for (let i = 0; i < TRANSCRIPTS; i++) createHash("sha256").update(text).digest();
    const cipher = createCipheriv("aes-256-gcm", new Uint8Array(key), iv);
    const sealed = cipher.update(text);
    cipher.final();
    const decipher = createDecipheriv("aes-256-gcm", new Uint8Array(key), iv);
    decipher.setAuthTag(cipher.getAuthTag());
    decipher.update(sealed);
    decipher.final();
  };
  return {
    name: "bare operations of a handshake",
    run(count) {
      for (let i = 0; i < count; i++) pass();
    },
  };
}
