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

export interface TokenContext {
  readonly reason: "connect";
  /** Aborted when `connect` is given up. */
  readonly signal: AbortSignal;
}

export interface ConnectOptions {
  /** Who the server is: its id, and its public keys as a JWKS that came another way than through the connection. */
  readonly server: { readonly id: string; readonly keys: JWKS | URL };
  /**
   * An access token for this server, or a function that gets one. Sent sealed, inside the handshake. With
   * `tokenAtUpgrade: "ticket"` it is a ticket.
   */
  readonly token: string | ((context: TokenContext) => string | Promise<string>);
  /** The key that the token's `cnf.jkt`, or the ticket, names: a CryptoKeyPair (non-extractable will do) or a private JWK. */
  readonly proof?: CryptoKeyPair | PrivateJwk;
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
   * Told of what has nowhere else to go: a handler that failed, a message that does not fit its schema, what window order
   * drops. Must not throw. Never gets a token, key or body.
   */
  readonly onError?: (error: SealwireError) => void;
  /** Sees every message in clear, for inspectors. Do not log what it gets. */
  readonly trace?: (record: TraceRecord) => void;
  /** Default: node:crypto in Node, WebCrypto elsewhere. */
  readonly crypto?: CryptoBackend;
  readonly [unsafeAllowInsecure]?: true;
}

/** The client's end of a session. */
export type ClientSession<T extends TopicMap<T> = AnyTopics> = Session<T>;
