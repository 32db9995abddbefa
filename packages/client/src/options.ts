import type {
  AnyTopics,
  Codec,
  CryptoKeyPair,
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

/** When connections are made again. */
export interface ReconnectOptions {
  /**
   * Milliseconds before the first attempt, at the most; each further one waits up to twice as long. Counted from the last
   * connection that held for 30 seconds. Default: 500.
   */
  readonly minDelay?: number;
  /** Milliseconds that an attempt waits at the most; also those between attempts of a page that is offline. Default: 20,000. */
  readonly maxDelay?: number;
  /**
   * Attempts in a row that may go unanswered before the session ends: no server was reached within `timeout`, or no token
   * or key set was to be had. Default: any number.
   */
  readonly attempts?: number;
}

export interface ConnectOptions {
  /** Who the server is: its id, and its public keys as a JWKS that came another way than through the connection. */
  readonly server: { readonly id: string; readonly keys: JWKS | URL };
  /**
   * An access token for this server, or a function that gets one. Sent sealed, inside the handshake. With
   * `tokenAtUpgrade: "ticket"` it is a ticket for reason "connect", and an access token for "refresh".
   * The function is asked before each new session, and in time before the session ends; again with growing pauses if it
   * throws, answers with no token, or takes longer than `timeout` (told to `onError`). Throwing `stopRefresh()` says that
   * there will be no more. It answers with a token that is fresh, not with one that it keeps, and of one issuer: what is
   * sent again in a new session goes to the same `sub`, whose issuer is not checked. A string is never refreshed: the
   * session ends with it.
   */
  readonly token: string | ((context: TokenContext) => string | Promise<string>);
  /**
   * The key that the token's `cnf.jkt`, or the ticket, names: a CryptoKeyPair (non-extractable will do), a private JWK, or
   * a store that keeps one in the browser (`createProofKeyStore`). Read once, by `connect`.
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
   * takes its place under the same object; what is not known to have arrived is reported (`onUndetermined`). Ends by itself
   * only where the server says so in a sealed bye, where what this end found no attempt can mend, after five hints of one kind
   * in ten minutes that no one has signed, and by `attempts`. Limit idleSeconds is 45 then: after that silence a connection
   * counts as lost; a server whose heartbeatSeconds are longer needs a client with more. False: the session ends with its connection. Default: `{}`.
   */
  readonly reconnect?: ReconnectOptions | false;
  /**
   * Gives up connecting: `connect` rejects at once with its reason. Where the server may have opened the session by then, it is
   * ended behind that, within limit byeSeconds. Once `connect` has resolved it changes nothing: `close` ends the session.
   * Source: specs/session.md, hs:give-up.
   */
  readonly signal?: AbortSignal;
  /** Milliseconds until connecting is given up; also for each later attempt. Default: limit handshakeSeconds. */
  readonly timeout?: number;
  /** Unsent bytes above which `send` waits. Default: limit highWaterMark. */
  readonly highWaterMark?: number;
  /**
   * What a session sends in one turn of the event loop goes in one envelope, up to 64 messages and 16 KiB: one signature, one
   * encryption, one frame. Nothing waits for it, and each message is authorized, refused and delivered by itself. False: an
   * envelope for each. Default: true.
   */
  readonly batch?: boolean;
  readonly limits?: Partial<Limits>;
  /**
   * Also send the token with the upgrade request, for servers that want it there; whoever ends TLS on the way sees it
   * then. "authorization": the header, Node only. "subprotocol": for compact JWTs and base64url. "ticket": `token` is a
   * single-use ticket of this server, issued for the key `proof`, and goes in the query, where logs and the console of
   * a browser may show it. Default: not.
   */
  readonly tokenAtUpgrade?: "authorization" | "subprotocol" | "ticket";
  /** Certificates to trust in place of the system's. Node only: browsers have their own store, and connect() is a TypeError there. */
  readonly tls?: { readonly ca: string | Uint8Array };
  /**
   * Told of what has nowhere else to go: a handler that failed or keeps messages waiting (see `Handler`), a message that does
   * not fit its schema, what window order drops, a token that could not be had or was refused, why a session was given up for
   * a new one. Never gets a token, key or body of this package; `cause` is what the application's own function threw.
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
   * it, at once. Possible at any moment, also after the end. Not ended: other sessions of that key, and the tokens themselves,
   * which their issuer revokes.
   * @throws SealwireError E_KEY where the store cannot delete the key
   */
  logout(): Promise<void>;
}
