import type { AnyTopics, TopicMap, TopicOption } from "@sealwire/core";
import {
  CODECS,
  type CryptoBackend,
  backend as defaultBackend,
  isIdentifier,
  LEVELS,
  limitsOf,
  namesOf,
  type Offer,
  type ProofKey,
  SUBPROTOCOLS,
  SUITES,
  thumbprint,
  topicChecks,
} from "@sealwire/core/internal";
import { checkAddress, unsafeAllowInsecure } from "./address.ts";
import { checkCredential } from "./credential.ts";
import { deadline, unlessAborted } from "./deadline.ts";
import { Dialer } from "./dialer.ts";
import { hooksOf } from "./hooks.ts";
import { KeptSession } from "./kept-session.ts";
import type { ClientSession, ConnectOptions } from "./options.ts";
import { type Platform, systemPlatform } from "./platform.ts";
import { isProofKeyStore } from "./proof-store.ts";
import { checkReconnect } from "./reconnect-policy.ts";

/** A server pings every limit heartbeatSeconds: after this silence another connection is the better bet. */
const SILENCE_SECONDS = 45;

/**
 * Opens a sealed session. When it resolves, the server has proven that it holds one of `server.keys`, both ends have
 * the same transcript and keys, and the server accepted the token. From then on the session outlives its connections and
 * its token: see the options `reconnect` and `token`.
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
  options: ConnectOptions & TopicOption<T>,
): Promise<ClientSession<T>> {
  return connectOn(systemPlatform, address, options);
}

/** `connect` with another clock and WebSocket than those of this machine. */
export async function connectOn<T extends TopicMap<T> = AnyTopics>(
  platform: Platform,
  address: string | URL,
  options: ConnectOptions & TopicOption<T>,
): Promise<ClientSession<T>> {
  if (typeof options !== "object" || options === null) throw new TypeError("connect(address, options): no options");
  const url = checkAddress(address, options[unsafeAllowInsecure] === true);
  const reconnect = checkReconnect(options.reconnect);
  const silence = reconnect === false ? {} : { idleSeconds: SILENCE_SECONDS };
  const limits = limitsOf({ ...silence, ...options.limits });
  const timeout = options.timeout ?? limits.handshakeSeconds * 1000;
  const { signal, cancel } = deadline(platform.clock, options.signal, timeout);
  try {
    const backend = options.crypto ?? defaultBackend;
    const proof = await unlessAborted(signal, () => checkedProof(backend, options));
    const offer = offerOf(options, proof);
    const protocols = namesOf("protocols", options.protocols ?? SUBPROTOCOLS, SUBPROTOCOLS);
    signal.throwIfAborted();
    const dialer = new Dialer({ platform, url, options, limits, backend, proof, offer, protocols });
    const hooks = hooksOf(options, topicChecks(options.topics));
    const { random } = backend;
    const kept = new KeptSession({ platform, dialer, options, limits, hooks, reconnect, random, timeout });
    return (await kept.open(signal)) as unknown as ClientSession<T>;
  } finally {
    cancel();
  }
}

/** @throws TypeError for what cannot work, before anything is asked for or sent */
async function checkedProof(backend: CryptoBackend, options: ConnectOptions): Promise<ProofKey | undefined> {
  if (!isIdentifier(options.server?.id)) throw new TypeError("server.id is not 1 to 256 visible ASCII characters");
  checkCredential(options);
  const { order = "strict", proof } = options;
  if (order !== "strict" && order !== "window") throw new TypeError('order is "strict" or "window"');
  if (proof === undefined) return undefined;
  const signer = await backend.importSigner(isProofKeyStore(proof) ? await proof.key() : proof);
  return { signer, id: { alg: signer.alg, thumbprint: await thumbprint(backend, signer.publicJwk) } };
}

function offerOf(options: ConnectOptions, proof: ProofKey | undefined): Offer {
  const levels = namesOf("levels", options.levels ?? ["aead"], LEVELS);
  if (proof === undefined && levels.some((level) => level === "sig" || level === "nest")) {
    throw new TypeError("levels sig and nest need the option proof: the key that the token's cnf.jkt names");
  }
  return {
    levels,
    suites: namesOf("suites", options.suites ?? ["x25519", "p256"], SUITES),
    codecs: namesOf("codecs", options.codecs ?? ["cbor", "json"], CODECS),
    signatures: ["ES256", "Ed25519"],
  };
}
