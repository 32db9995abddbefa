import { type AnyTopics, type Limits, SealwireError, type TopicMap, type TopicOption } from "@sealwire/core";
import {
  adaptWebSocket,
  ClientHandshake,
  type Clock,
  CODECS,
  Connection,
  type CryptoBackend,
  backend as defaultBackend,
  hintedError,
  isIdentifier,
  LEVELS,
  LiveSession,
  limitsOf,
  namesOf,
  type ProofKey,
  type SessionHooks,
  SUBPROTOCOLS,
  SUITES,
  thumbprint,
  topicChecks,
  type WebSocketLike,
} from "@sealwire/core/internal";
import { checkAddress, unsafeAllowInsecure } from "./address.ts";
import { checkCredential, credentialOf } from "./credential.ts";
import { hooksOf } from "./hooks.ts";
import { serverKeys } from "./keys.ts";
import type { ClientSession, ConnectOptions } from "./options.ts";
import { type Platform, systemPlatform } from "./platform.ts";
import { openSocket } from "./websocket.ts";

/**
 * Opens a sealed session. When it resolves, the server has proven that it holds one of `server.keys`, both ends have
 * the same transcript and keys, and the server accepted the token.
 *
 * Not checked: that `server.keys` are the right ones (pin them from another path than the connection), and the
 * server's certificate beyond what the platform does for `wss:`.
 *
 * @throws TypeError for options that cannot work; SealwireError for what the network or the server did: E_SIG_SERVER,
 * E_KEY, E_TRANSCRIPT, E_DOWNGRADE, E_NEGOTIATE, E_TIMEOUT_HS, E_CLOSED, or with `remote` true E_AUTH_REQUIRED,
 * E_FORBIDDEN, E_BUSY.
 */
export function connect<T extends TopicMap<T> = AnyTopics>(
  address: string | URL,
  options: ConnectOptions,
): Promise<ClientSession<T>> {
  return connectOn(systemPlatform, address, options);
}

/** `connect` with another clock and WebSocket than those of this machine. */
export async function connectOn<T extends TopicMap<T> = AnyTopics>(
  platform: Platform,
  address: string | URL,
  options: ConnectOptions & TopicOption<T>,
): Promise<ClientSession<T>> {
  const url = checkAddress(address, options[unsafeAllowInsecure] === true);
  const limits = limitsOf(options.limits);
  const { signal, cancel } = deadline(
    platform.clock,
    options.signal,
    options.timeout ?? limits.handshakeSeconds * 1000,
  );
  try {
    const hooks = hooksOf(options, topicChecks(options.topics));
    const session = await handshake(platform, url, options, limits, hooks, signal);
    return session as unknown as ClientSession<T>;
  } finally {
    cancel();
  }
}

async function handshake(
  platform: Platform,
  url: URL,
  options: ConnectOptions,
  limits: Limits,
  hooks: SessionHooks,
  signal: AbortSignal,
): Promise<LiveSession> {
  const backend = options.crypto ?? defaultBackend;
  if (!isIdentifier(options.server?.id)) throw new TypeError("server.id is not 1 to 256 visible ASCII characters");
  checkCredential(options);
  const proof = options.proof === undefined ? undefined : await importProof(backend, options.proof);
  const offer = offerOf(options, proof);
  const order = options.order ?? "strict";
  if (order !== "strict" && order !== "window") throw new TypeError('order is "strict" or "window"');
  const protocols = namesOf("protocols", options.protocols ?? SUBPROTOCOLS, SUBPROTOCOLS);
  signal.throwIfAborted();
  const keys = await serverKeys(options.server.keys, signal);
  const credential = await credentialOf(url, options, signal);
  const ws = await openSocket(platform.WebSocket, credential, protocols, {
    limits,
    signal,
    ...(options.tls === undefined ? {} : { tls: options.tls }),
  });
  return await run(platform.clock, ws, signal, limits, hooks, {
    backend,
    serverId: options.server.id,
    serverKeys: keys,
    offeredProtocols: protocols,
    protocol: ws.protocol,
    offer,
    limits,
    token: credential.token,
    tokenSentAtUpgrade: options.tokenAtUpgrade !== undefined,
    proof,
    order,
  });
}

function run(
  clock: Clock,
  ws: WebSocketLike,
  signal: AbortSignal,
  limits: Limits,
  hooks: SessionHooks,
  handshakeOptions: ConstructorParameters<typeof ClientHandshake>[0],
): Promise<LiveSession> {
  return new Promise((resolve, reject) => {
    const machine = new ClientHandshake(handshakeOptions);
    const connection = new Connection({
      socket: adaptWebSocket(ws, clock),
      clock,
      limits,
      handshake: { start: () => machine.start(), receive: (frame, time) => machine.receive(frame, time) },
      rateLimited: false,
      onEstablished: (established) => {
        signal.removeEventListener("abort", abort);
        const session = new LiveSession(established, connection, limits, hooks);
        resolve(session);
        // Handlers are registered by what awaits connect: a request that came together with SR waits for them.
        connection.throttle(1);
        return session;
      },
      onClosed: (info) => {
        signal.removeEventListener("abort", abort);
        reject(signal.aborted ? signal.reason : (info.error ?? hintedError(info.code, "before the session was ready")));
      },
    });
    // The own deadline is an error of the protocol with a close code; the application's signal is not.
    const abort = () =>
      connection.fail(
        signal.reason instanceof SealwireError
          ? signal.reason
          : new SealwireError("E_CLOSED", { detail: "connecting was given up", cause: signal.reason }),
      );
    signal.addEventListener("abort", abort, { once: true });
    ws.resume?.();
  });
}

function offerOf(options: ConnectOptions, proof: ProofKey | undefined) {
  const levels = namesOf("levels", options.levels ?? ["aead"], LEVELS);
  if (proof === undefined && levels.some((level) => level === "sig" || level === "nest")) {
    throw new TypeError("levels sig and nest need the option proof: the key that the token's cnf.jkt names");
  }
  return {
    levels,
    suites: namesOf("suites", options.suites ?? ["x25519", "p256"], SUITES),
    codecs: namesOf("codecs", options.codecs ?? ["cbor", "json"], CODECS),
    signatures: ["ES256", "Ed25519"] as const,
  };
}

async function importProof(backend: CryptoBackend, key: NonNullable<ConnectOptions["proof"]>): Promise<ProofKey> {
  const signer = await backend.importSigner(key);
  return { signer, id: { alg: signer.alg, thumbprint: await thumbprint(backend, signer.publicJwk) } };
}

/** One signal for both ways to give up. */
function deadline(
  clock: Clock,
  outer: AbortSignal | undefined,
  ms: number,
): { signal: AbortSignal; cancel: () => void } {
  const controller = new AbortController();
  const stop = clock.schedule(
    () => controller.abort(new SealwireError("E_TIMEOUT_HS", { stage: "local", detail: `after ${ms} ms` })),
    ms,
  );
  const forward = () => controller.abort(outer?.reason);
  if (outer?.aborted) forward();
  outer?.addEventListener("abort", forward, { once: true });
  const cancel = () => {
    stop();
    outer?.removeEventListener("abort", forward);
  };
  return { signal: controller.signal, cancel };
}
