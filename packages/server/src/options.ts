import type {
  AnyTopics,
  Awaitable,
  Codec,
  Data,
  Handler,
  JWKS,
  Level,
  Limits,
  Message,
  MessageOrder,
  PrivateJwk,
  Received,
  ReplayStore,
  Reply,
  SealwireError,
  Session,
  Subprotocol,
  SuiteId,
  Topic,
  TopicMap,
} from "@sealwire/core";
import type { CryptoBackend } from "@sealwire/core/internal";
import type { Principal } from "./principal.ts";
import type { ResumeStore } from "./resume-store.ts";
import type { Revocation } from "./revocation.ts";
import type { Tickets } from "./tickets.ts";

/** How access tokens of one issuer are checked. Everything is strict by default. */
export interface TokenPolicy {
  /** `iss`, compared byte for byte. Without `keys` also the https address below which the issuer's metadata is. */
  readonly issuer: string;
  /** What `aud` has to contain. Default: the server's id. */
  readonly audience?: string;
  /**
   * The issuer's keys, or the https address where it publishes them. Default: the `jwks_uri` of the issuer's metadata
   * (OpenID Connect Discovery 1.0, RFC 8414), whose `issuer` has to be this one.
   */
  readonly keys?: JWKS | URL;
  /** `typ` of the token's header. Default: "at+jwt" (RFC 9068). Some providers send "JWT". */
  readonly typ?: string;
  /** Signature algorithms that are accepted. Default: ES256 and Ed25519. */
  readonly algorithms?: readonly string[];
  /** Seconds of tolerance for `nbf` and `iat`; a token is not lengthened by it. Default: limit skewSeconds. */
  readonly clockTolerance?: number;
}

export interface AuthorizeContext {
  readonly principal: Principal;
  readonly topic: string;
  /** "in": from the client; "out": to it. Replies are authorized by their request. */
  readonly direction: "in" | "out";
  readonly kind: "message" | "request";
  /** As it came ("in") or will be sent; what comes in is checked by the option `topics` only after it was granted. */
  readonly data: unknown;
}

export type TokenWay = "authorization" | "subprotocol";

export interface CookieFactor {
  readonly name: string;
  /** `value` as transmitted: neither decoded nor without quotes. */
  readonly verify: (value: string, principal: Principal) => Awaitable<boolean>;
}

export interface ServerOptions {
  /** The id that clients ask for, and the signing keys whose public halves they have pinned. */
  readonly identity: { readonly id: string; readonly keys: readonly PrivateJwk[] };
  readonly tokens: TokenPolicy | readonly TokenPolicy[];
  /**
   * Asked for every message and request in both directions; only `true` grants. Awaited; messages behind it wait, in
   * order. A throw is a denial and goes to `onError`. `policy` makes one of rules.
   */
  readonly authorize: (context: AuthorizeContext) => Awaitable<boolean>;
  /**
   * Asked for every connection, also one that resumes a session, and for each new token of a refresh: after the token was
   * accepted, or the client has proven that the session is its own. Anything but true closes with 3003; a session that is
   * refused so is not resumed, and ends when its time is over. Where it fails the connection closes with 1011, and `onError`
   * has the cause (E_INTERNAL). Default: everybody.
   */
  readonly admit?: (principal: Principal) => Awaitable<boolean>;
  /** Origins whose pages may connect; exact. Default: "same-origin". Clients that send no Origin are not browsers. */
  readonly origins?: "same-origin" | readonly string[];
  /** Default: `["aead"]`. What is listed is accepted. */
  readonly levels?: readonly Level[];
  readonly protocols?: readonly Subprotocol[];
  readonly codecs?: readonly Codec[];
  readonly suites?: readonly SuiteId[];
  /** "required": only key-bound tokens. Default: "optional"; levels sig and nest require it in any case. */
  readonly proof?: "required" | "optional";
  /**
   * "window": messages are taken once each and in any order, up to limit replayWindow behind the highest number, for
   * relays that keep no order; a deleted message is counted, not an error. Clients have to accept it. Default: "strict".
   */
  readonly order?: MessageOrder;
  /**
   * Ways besides CA in which a token may come; each shows it to everybody who sees the upgrade request, and to logs.
   * "authorization": the header, for clients that are no browsers. "subprotocol": `sealwire.bearer.<token>` behind the
   * real ones. A token that came so opens no session: a key-bound one is proven in CA, a bearer one comes in CA again.
   * Default: none, and what comes is not looked at.
   */
  readonly tokenAtUpgrade?: readonly TokenWay[];
  /**
   * Takes single-use tickets in the query: `?ticket=…`. Each is proven in CA by the key it was issued for. Where their store
   * fails the connection closes with 1011, or before the 101 with 503, and `onError` has the cause (E_INTERNAL). Default: none.
   */
  readonly tickets?: Tickets;
  /**
   * Checks a token or ticket that comes with the upgrade before it is answered, together with a DPoP header if there is
   * one, and refuses with HTTP status 401; scripts in browsers cannot read that. Default: false, only with CA.
   */
  readonly verifyAtUpgrade?: boolean;
  /**
   * An additional factor, never a credential: every upgrade needs an Origin that is allowed and exactly one such cookie,
   * and `verify` says, after CA, whether it is this principal's; anything but true closes with 3003. So it is in a resume,
   * with the principal of the session. Where it fails the connection closes with 1011, and `onError` has the cause
   * (E_INTERNAL). Default: none.
   */
  readonly cookie?: CookieFactor;
  /**
   * A session whose connection is lost can be resumed for so many seconds, without a message being lost or delivered twice;
   * false ends it with its connection. In window order there is no resume. Default: limit resumeSeconds.
   *
   * `store`: a session whose connection is lost, or whose server closes, is kept there too, and any server of the same
   * identity with the same store resumes it. It holds secrets: see `ResumeStore`. What is still handled by a server when it
   * loses a connection is answered by that server alone. Default: none.
   */
  readonly resume?: false | { readonly seconds?: number; readonly store?: ResumeStore };
  /**
   * Remembers idempotent messages, so that each is delivered once whatever session it comes in. Several servers of one id
   * share a store. Default: in memory, which refuses messages of before this server began.
   */
  readonly replay?: ReplayStore;
  /**
   * What others revoke: an identity provider's events, another server. When it ends or fails, `onError` is told, and it is
   * subscribed to again after 1 s, up to 60 s where that fails again; an iterable that is its own iterator (a generator)
   * cannot be. Meanwhile nothing of it is revoked and the server goes on: sessions and tokens live as long as they are good.
   * One that repeats what is in force, with `issuedBefore`, loses nothing by that, nor by a restart.
   */
  readonly revocations?: AsyncIterable<Revocation>;
  /**
   * Given what other servers have to learn from this one, for their option `revocations`: each `revoke`, and the tokens of
   * each session that was ended here by a revocation, whoever it came from, since no other server knows them. Its own come
   * back without effect. `revoke` waits for it, and rejects as it does; other failures go to `onError`. Default: nobody is.
   */
  readonly publishRevocation?: (revocation: Revocation) => Awaitable<void>;
  /**
   * What a session sends in one turn of the event loop goes in one envelope, up to 64 messages and 16 KiB: one signature, one
   * encryption, one frame. Nothing waits for it, and each message is authorized, refused and delivered by itself. False: an
   * envelope for each. Default: true.
   */
  readonly batch?: boolean;
  readonly limits?: Partial<Limits>;
  /** Proxies in front of this server that append to X-Forwarded-For; the address is taken that many hops back. Default: 0. */
  readonly trustProxy?: number;
  /**
   * Told of failed handshakes and handlers, of handlers that keep messages waiting (see `Handler`), and of what window order
   * drops. Must not throw. Never gets a token, key or body.
   */
  readonly onError?: (
    error: SealwireError,
    context: { readonly sessionId?: string; readonly remoteAddress?: string },
  ) => void;
  /** Default: node:crypto. */
  readonly crypto?: CryptoBackend;
}

export interface ServerSession<T extends TopicMap<T> = AnyTopics> extends Session<T> {
  /** By the token of this moment: a refresh replaces it. */
  readonly principal: Principal;
  /** Of the connection that the session is on, or was on last. */
  readonly remoteAddress: string;
  /** Called when a refresh has replaced the principal: what it may no longer get can be stopped. */
  onPrincipalChange(fn: (principal: Principal) => void): () => void;
}

export interface ServerContext<T extends TopicMap<T>, D = Data> {
  readonly session: ServerSession<T>;
  readonly message: Message<D>;
  /** Aborted when the session ends. */
  readonly signal: AbortSignal;
}

export type ServerHandler<T extends TopicMap<T>, K extends Topic<T>> = (
  data: Received<T, K>,
  context: ServerContext<T, Received<T, K>>,
) => ReturnType<Handler<T, K>> | Awaitable<Reply<T, K>>;
