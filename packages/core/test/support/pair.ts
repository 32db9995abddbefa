import type { CryptoBackend, PrivateJwk } from "../../src/crypto/backend.ts";
import { backend as node } from "../../src/crypto/node.ts";
import { backend as webcrypto } from "../../src/crypto/webcrypto.ts";
import { generateKey } from "../../src/keys/generate.ts";
import { createKeySet } from "../../src/keys/keyset.ts";
import { thumbprint } from "../../src/keys/thumbprint.ts";
import {
  type Codec,
  DEFAULT_LIMITS,
  type Level,
  type Limits,
  type SignatureAlg,
  type SuiteId,
} from "../../src/registry.generated.ts";
import { ClientHandshake, type ClientHandshakeOptions, type ProofKey } from "../../src/session/client-handshake.ts";
import { Connection } from "../../src/session/connection.ts";
import type { SessionHooks } from "../../src/session/hooks.ts";
import { LiveSession } from "../../src/session/live.ts";
import { ServerHandshake, type ServerHandshakeOptions } from "../../src/session/server-handshake.ts";
import type { Clock } from "../../src/session/socket.ts";
import type { CloseInfo } from "../../src/session/types.ts";
import { until, VirtualClock } from "./clock.ts";
import { Link } from "./link.ts";
import { type DerivedKeys, recording } from "./recorder.ts";

export const BACKENDS: readonly CryptoBackend[] = [node, webcrypto];
/** The whole suite runs once on each backend: vitest.config.ts sets the variable for the second run. */
const DEFAULT_BACKEND = process.env.SEALWIRE_BACKEND === "webcrypto" ? webcrypto : node;
export const SERVER_ID = "https://server.example";
export const TOKEN = "a.bearer.token";

export interface PairOptions {
  readonly backend?: CryptoBackend;
  readonly serverBackend?: CryptoBackend;
  readonly protocol?: "sealwire.v1.text" | "sealwire.v1.cbor";
  readonly level?: Level;
  readonly codec?: Codec;
  readonly suite?: SuiteId;
  /** Algorithm of the proof key; "none" is a bearer session. */
  readonly proof?: SignatureAlg | "none";
  readonly serverAlg?: SignatureAlg;
  readonly limits?: Partial<Limits>;
  readonly client?: Partial<ClientHandshakeOptions>;
  readonly server?: Partial<ServerHandshakeOptions>;
  /** Of both ends. Tests that look at numbers give each message one. */
  readonly batch?: boolean;
  readonly clientHooks?: Partial<SessionHooks>;
  readonly serverHooks?: Partial<SessionHooks>;
  /** Seconds that the client's clock is behind the server's. */
  readonly behind?: number;
  /** False returns at once, for handshakes that hang. */
  readonly waitFor?: false;
  /** Called before the first byte, to set the tap. */
  readonly onLink?: (link: Link, secrets: Secrets) => void;
}

export interface Side {
  readonly connection: Connection;
  /** Undefined until the handshake is done. */
  session: LiveSession | undefined;
  /** How the connection ended. */
  info: CloseInfo | undefined;
}

/** What an attacker never has: with it a tap seals again what it changed. */
export interface Secrets {
  /** What the client derived, which is what both derived. */
  readonly keys: DerivedKeys;
  /** The proof key, unless it is a bearer session, and the key that signs SH, with their thumbprints. */
  readonly clientKey: PrivateJwk | undefined;
  readonly clientId: string | undefined;
  readonly serverKey: PrivateJwk;
  readonly serverKeyId: string;
}

export interface Pair extends Secrets {
  readonly link: Link;
  /** With which both ends were made: another connection is made with the same. */
  readonly handshakes: { readonly client: ClientHandshakeOptions; readonly server: ServerHandshakeOptions };
  readonly hooks: { readonly client: SessionHooks; readonly server: SessionHooks };
  readonly limits: Limits;
  readonly clocks: { readonly client: Clock; readonly server: Clock };
  readonly clock: VirtualClock;
  readonly client: Side;
  readonly server: Side;
  readonly wire: "text" | "binary";
  readonly level: Level;
  readonly codec: Codec;
}

export async function proofKey(backend: CryptoBackend, jwk: PrivateJwk): Promise<ProofKey> {
  const signer = await backend.importSigner(jwk);
  return { signer, id: { alg: signer.alg, thumbprint: await thumbprint(backend, signer.publicJwk) } };
}

/** A client and a server driver over a link in memory and virtual time; the handshake has run as far as it gets. */
export async function openPair(options: PairOptions = {}): Promise<Pair> {
  const {
    protocol = "sealwire.v1.cbor",
    level = "aead",
    codec = "cbor",
    suite = "x25519",
    proof = "ES256",
    serverAlg = "ES256",
  } = options;
  const backend = options.backend ?? DEFAULT_BACKEND;
  const serverBackend = options.serverBackend ?? backend;
  const limits: Limits = { ...DEFAULT_LIMITS, ...options.limits };
  const clock = new VirtualClock();
  const link = new Link(protocol);
  const keys: DerivedKeys = new Map();
  const identity = await generateKey(serverAlg);
  const clientJwk = proof === "none" ? undefined : (await generateKey(proof)).privateJwk;
  const client = clientJwk && (await proofKey(backend, clientJwk));
  const signer = await proofKey(serverBackend, identity.privateJwk);
  const secrets: Secrets = {
    keys,
    clientKey: clientJwk,
    clientId: client?.id.thumbprint,
    serverKey: identity.privateJwk,
    serverKeyId: signer.id.thumbprint,
  };
  options.onLink?.(link, secrets);
  const offer = { suites: [suite], levels: [level], codecs: [codec], signatures: ["ES256", "Ed25519"] as const };
  const clientSide: Partial<Side> = {};
  const serverSide: Partial<Side> = {};

  const forServer: ServerHandshakeOptions = {
    backend: serverBackend,
    id: SERVER_ID,
    signers: [signer],
    accept: {
      suites: ["x25519", "p256"],
      levels: ["mac", "sig", "aead", "nest"],
      codecs: ["json", "cbor"],
      signatures: ["ES256", "Ed25519"],
    },
    protocols: ["sealwire.v1.cbor", "sealwire.v1.text"],
    protocol,
    proof: "optional",
    limits,
    upgradeToken: undefined,
    verifyToken: async () => ({
      issuer: "https://issuer.example",
      subject: "alice",
      clientId: undefined,
      scopes: ["chat"],
      expiresAt: clock.unix() / 1000 + 3600,
      jkt: client?.id.thumbprint,
    }),
    admit: () => true,
    ...options.server,
  };
  const forClient: ClientHandshakeOptions = {
    backend: recording(backend, keys),
    serverId: SERVER_ID,
    serverKeys: await createKeySet(backend, { keys: [{ ...identity.publicJwk }] }, { source: "configured" }),
    offeredProtocols: [protocol],
    protocol,
    offer,
    limits,
    token: TOKEN,
    tokenSentAtUpgrade: false,
    proof: client,
    ...options.client,
  };
  const serverMachine = new ServerHandshake(forServer);
  const clientMachine = new ClientHandshake(forClient);
  const hooksOf = (role: "client" | "server"): SessionHooks => ({
    heartbeat: role === "server",
    rateLimited: role === "server",
    ...(options.batch === undefined ? {} : { batch: options.batch }),
    ...(role === "client" ? options.clientHooks : options.serverHooks),
  });
  const hooks = { client: hooksOf("client"), server: hooksOf("server") };
  const clocks = { client: clock.behind(options.behind ?? 0), server: clock };
  const open = (side: Partial<Side>, role: "client" | "server"): Side => {
    const connection: Connection = new Connection({
      socket: link[role],
      clock: clocks[role],
      limits,
      handshake:
        role === "client"
          ? { start: () => clientMachine.start(), receive: (frame, time) => clientMachine.receive(frame, time) }
          : serverMachine,
      rateLimited: role === "server",
      onEstablished: (established) => {
        side.session = new LiveSession(established, connection, limits, hooks[role]);
        return side.session.receiver;
      },
      onClosed: (info) => {
        if (side.session === undefined) side.info = { ...info, undetermined: [] };
        else void side.session.closed.then((ended) => Object.assign(side, { info: ended }));
      },
    });
    return Object.assign(side, { connection }) as Side;
  };
  const pair: Pair = {
    ...secrets,
    link,
    handshakes: { client: forClient, server: forServer },
    hooks,
    limits,
    clocks,
    clock,
    wire: protocol === "sealwire.v1.cbor" ? "binary" : "text",
    level,
    codec,
    server: open(serverSide, "server"),
    client: open(clientSide, "client"),
  };
  const decided = (side: Side) => side.session !== undefined || side.info !== undefined;
  await until(
    () => options.waitFor === false || (decided(pair.client) && decided(pair.server)),
    "end of the handshake",
  );
  return pair;
}
