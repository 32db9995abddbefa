import type { IssuerStore } from "./store.ts";

export type Awaitable<T> = T | Promise<T>;

/** What the access tokens of a user, or of a client that acts for itself, say. */
export interface Account {
  /** Everything that may be asked for; a request without `scope` gets all of it. */
  readonly scopes: readonly string[];
  /** Further claims, such as `roles` or `groups`. None of those that the issuer sets itself. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

export interface DevelopmentClient extends Partial<Account> {
  /** With a secret the client has to send it, and may ask for tokens of its own (`client_credentials`). Default: public. */
  readonly secret?: string;
}

export interface DevelopmentIssuerOptions {
  /** `iss`, and the address below which the endpoints lie: https, or http on this machine; no query, no fragment. */
  readonly issuer: string;
  /** `aud` of every access token: the id of one Sealwire server. */
  readonly audience: string;
  /** The clients by `client_id`. */
  readonly clients: Readonly<Record<string, DevelopmentClient>>;
  /** Asked at every sign-in and refresh, so that what is taken away is gone with the next token. Undefined: no such user. */
  readonly accounts: (subject: string) => Awaitable<Account | undefined>;
  /** Default: "ES256". */
  readonly algorithm?: "ES256" | "Ed25519";
  /** Life of an access token. Default: 600. */
  readonly accessTokenSeconds?: number;
  /** Life of a sign-in: refreshing does not lengthen it. Default: 86,400. */
  readonly refreshTokenSeconds?: number;
  /** How long a key stays published after it signed last. Default: accessTokenSeconds + 600. */
  readonly keyOverlapSeconds?: number;
  /** Default: `createMemoryIssuerStore()`, on the same clock. */
  readonly store?: IssuerStore;
  /** Milliseconds since 1970. Default: Date.now. */
  readonly now?: () => number;
  /** Default: crypto.getRandomValues. Keys come from WebCrypto in any case. */
  readonly randomBytes?: (length: number) => Uint8Array;
  /** Told what `accounts` or the store threw; the request is answered with 500. Must not throw. */
  readonly onError?: (error: unknown) => void;
}

export type Checked = Required<Omit<DevelopmentIssuerOptions, "store" | "onError">>;

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Fills in the defaults. @throws TypeError for what cannot work */
export function checkOptions(o: DevelopmentIssuerOptions): Checked {
  const url = typeof o.issuer === "string" && URL.canParse(o.issuer) ? new URL(o.issuer) : undefined;
  const secure = url?.protocol === "https:" || (url?.protocol === "http:" && LOOPBACK.test(url.hostname));
  if (!secure || /[?#]/.test(o.issuer))
    throw new TypeError("issuer is not an https address without query and fragment");
  if (typeof o.audience !== "string" || o.audience === "") throw new TypeError("audience is missing");
  if (typeof o.accounts !== "function") throw new TypeError("accounts is not a function");
  for (const [id, client] of Object.entries(o.clients)) {
    if (id === "") throw new TypeError("clients: an empty client_id");
    if (client.secret === "")
      throw new TypeError(`clients: the secret of ${id} is empty; leave it out for a public client`);
  }
  const seconds = (
    name: "accessTokenSeconds" | "refreshTokenSeconds" | "keyOverlapSeconds",
    byDefault: number,
  ): number => {
    const value = o[name] ?? byDefault;
    if (!Number.isSafeInteger(value) || value < 1) throw new TypeError(`${name} is not a whole number of seconds`);
    return value;
  };
  const { algorithm = "ES256" } = o;
  if (algorithm !== "ES256" && algorithm !== "Ed25519") throw new TypeError('algorithm is "ES256" or "Ed25519"');
  const accessTokenSeconds = seconds("accessTokenSeconds", 600);
  return {
    issuer: o.issuer,
    audience: o.audience,
    clients: o.clients,
    accounts: o.accounts,
    algorithm,
    accessTokenSeconds,
    refreshTokenSeconds: seconds("refreshTokenSeconds", 86_400),
    keyOverlapSeconds: seconds("keyOverlapSeconds", accessTokenSeconds + 600),
    now: o.now ?? Date.now,
    randomBytes: o.randomBytes ?? ((length) => crypto.getRandomValues(new Uint8Array(length))),
  };
}
