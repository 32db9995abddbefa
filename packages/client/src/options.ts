import type {
  AnyTopics,
  Codec,
  JWKS,
  Level,
  Limits,
  MessageOrder,
  PrivateJwk,
  SealwireError,
  Session,
  Subprotocol,
  SuiteId,
  TopicMap,
} from "@sealwire/core";
import type { CryptoBackend, TraceRecord } from "@sealwire/core/internal";
import type { unsafeAllowInsecure } from "./address.ts";
import type { ProofKeyStore } from "./proof-store.ts";

export interface TokenContext {
  /** "connect": for a new session, also where an earlier one was lost. "refresh": to replace the token of this one. */
  readonly reason: "connect" | "refresh";
  /** Aborted when the token is not needed any more. */
  readonly signal: AbortSignal;
}

/** How connections are made again. */
export interface ReconnectOptions {
  /** Milliseconds before the first attempt, at the most; each further one waits up to twice as long. Default: 500. */
  readonly minDelay?: number;
  /** Milliseconds that an attempt waits at the most. Default: 20,000. */
  readonly maxDelay?: number;
  /** Attempts in a row that may find no server before the session ends. Default: any number. */
  readonly attempts?: number;
}

export interface ConnectOptions {
  /** Who the server is: its id, and its public keys as a JWKS that came another way than through the connection. */
  readonly server: { readonly id: string; readonly keys: JWKS | URL };
  /**
   * An access token for this server, or a function that gets one. Sent sealed, inside the handshake. With
   * `tokenAtUpgrade: "ticket"` it is a ticket for reason "connect", and an access token for "refresh".
   * The function is asked in time before the session ends, and again with growing pauses if it throws; throwing
   * `stopRefresh()` says that there will be no more. It answers with a token that is fresh, not with one that it keeps.
   */
  readonly token: string | ((context: TokenContext) => string | Promise<string>);
  /**
   * The key that the token's `cnf.jkt`, or the ticket, names: a CryptoKeyPair (non-extractable will do), a private JWK, or
   * a store that keeps one in the browser.
   */
  readonly proof?: CryptoKeyPair | PrivateJwk | ProofKeyStore;
  /** Protection of messages, in the order of preference. What is offered is accepted. Default: `["aead"]`. */
  readonly levels?: readonly Level[];
  /** Wires in the order of preference. Default: binary, then text. */
  readonly protocols?: readonly Subprotocol[];
  /** Codecs of claims in the order of preference. Default: cbor, then json. */
  readonly codecs?: readonly Codec[];
  /** Key agreements in the order of preference. Default: x25519, then p256. */
  readonly suites?: readonly SuiteId[];
  /**
   * "window": a server that takes messages in any order is accepted too. A message that is deleted on the way does not
   * end such a session; `CloseInfo.window` counts it. Default: "strict", and such a server is refused.
   */
  readonly order?: MessageOrder;
  /**
   * When a connection is lost: others are made, the session is resumed where that is possible, and otherwise a new one
   * takes its place under the same object; what is not known to have arrived is reported (`onUndetermined`). False: the
   * session ends with its connection. Default: `{}`.
   */
  readonly reconnect?: ReconnectOptions | false;
  /** Gives up connecting. */
  readonly signal?: AbortSignal;
  /** Milliseconds until connecting is given up. Default: limit handshakeSeconds. */
  readonly timeout?: number;
  /** Unsent bytes above which `send` waits. Default: limit highWaterMark. */
  readonly highWaterMark?: number;
  readonly limits?: Partial<Limits>;
  /**
   * Also send the token with the upgrade request, for servers that want it there; whoever ends TLS on the way sees it
   * then. "authorization": the header, Node only. "subprotocol": for compact JWTs and base64url. "ticket": `token` is a
   * single-use ticket of this server, issued for the key `proof`, and goes in the query, where logs and the console of
   * a browser may show it. Default: not.
   */
  readonly tokenAtUpgrade?: "authorization" | "subprotocol" | "ticket";
  /** Certificates to trust in place of the system's. Node only; browsers have their own store. */
  readonly tls?: { readonly ca: string | Uint8Array };
  /**
   * Told of what has nowhere else to go: why a session was replaced by a new one, a handler that failed, a message
   * that does not fit its schema, what window order drops. Must not throw. Never gets a token, key or body.
   */
  readonly onError?: (error: SealwireError) => void;
  /** Sees every message in clear, for inspectors. Do not log what it gets. */
  readonly trace?: (record: TraceRecord) => void;
  /** Default: node:crypto in Node, WebCrypto elsewhere. */
  readonly crypto?: CryptoBackend;
  readonly [unsafeAllowInsecure]?: true;
}

/** The client's end of a session. */
export interface ClientSession<T extends TopicMap<T> = AnyTopics> extends Session<T> {
  /**
   * Says bye, and forgets what could open the session or another one: its chains, and the proof key where a store keeps
   * it. Not ended: other sessions of that key, and the tokens themselves, which their issuer revokes.
   */
  logout(): Promise<void>;
}
