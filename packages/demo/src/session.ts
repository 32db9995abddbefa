import { type ClientSession, connect } from "@sealwire/client";
import type {
  CloseInfo,
  JWKS,
  Level,
  RequestOptions,
  SealwireError,
  SessionState,
  Subprotocol,
  Undetermined,
} from "@sealwire/core";
import { asRefusal, type Loss, type Refusal, type Victim } from "./attacks/run.ts";
import type { WireName } from "./attacks/types.ts";
import { credentialsOf } from "./credentials.ts";
import { OpenedLog } from "./opened-log.ts";
import type { RecordedFrame } from "./relay/types.ts";
import type { TokenEndpoint } from "./token-source.ts";
import type { ChatMessage, DemoTopics, FileInfo } from "./topics.ts";
import type { Requester } from "./transfer.ts";

export interface DemoConfig {
  /** WebSocket address of the relay. */
  readonly relay: string;
  readonly server: { readonly id: string; readonly keys: JWKS };
  readonly tokens: TokenEndpoint;
  /** Gives a token of an hour ago, which no issuer would: for an attack of the bench. */
  readonly expiredTokens: string;
}

export const LEVELS_OFFERED: readonly { readonly id: Level; readonly note: string }[] = [
  { id: "aead", note: "Encrypted: the relay sees neither topic nor content." },
  { id: "mac", note: "Authenticated, not encrypted: the relay can read messages, but not change them." },
  { id: "nest", note: "Signed with the sender's own key, then encrypted." },
  { id: "sig", note: "Signed with the sender's own key, not encrypted: the relay can read messages." },
];

export const WIRES: readonly { readonly id: WireName; readonly note: string }[] = [
  { id: "text", note: "Text frames of compact JOSE." },
  { id: "binary", note: "Binary frames, with short forms in place of repeated headers." },
];

/** The server pings more often than that; after so much silence another connection is made. */
const IDLE_SECONDS = 8;
/** After so long a transfer asks what became of a chunk. */
const REQUEST_MS = 10_000;
const RECONNECT = { minDelay: 250, maxDelay: 2_000 };

export interface SessionOptions {
  readonly user: string;
  /** Names the connections of this session at the relay. */
  readonly tag: string;
  readonly level: Level;
  readonly wire: WireName;
  /** Offers both wires, binary first. */
  readonly offersBoth?: boolean | undefined;
  readonly credentials?: "expired" | "bound-no-key" | "bound-other-key" | undefined;
  /** Comes with this token, and with no other. */
  readonly token?: string | undefined;
  readonly onMessage?: (message: ChatMessage) => void;
  readonly onMembers?: (members: readonly string[]) => void;
  readonly onFile?: (info: FileInfo) => void;
  readonly onDenied?: (topic: string) => void;
  /** The state, or what is counted, has changed. */
  readonly onChange?: () => void;
  /** Messages of which nobody will know whether they arrived. */
  readonly onUndetermined?: (messages: readonly Undetermined[]) => void;
}

export interface Ended extends Refusal {
  readonly clean: boolean;
}

/** What has happened to a session so far. */
export interface History {
  /** It went on over another connection. */
  resumed: number;
  /** It could not, and a new session took its place. */
  replaced: number;
  /** Access tokens that it was given, and the last of them. */
  tokens: number;
  token: string;
}

/** A session of the demo: the SDK's session with the demo's topics, and what the page shows about it. */
export class DemoSession implements Victim, Requester {
  readonly tag: string;
  readonly wire: WireName;
  readonly closed: Promise<Ended>;
  readonly undetermined: Undetermined[] = [];
  readonly #session: ClientSession<DemoTopics>;
  readonly #history: History;
  readonly #log: OpenedLog;
  readonly #losses: Losses;
  readonly #waiting = new Set<() => void>();
  #last: string;

  constructor(session: ClientSession<DemoTopics>, options: SessionOptions, parts: Parts) {
    this.#session = session;
    this.#history = parts.history;
    this.#log = parts.log;
    this.#losses = parts.losses;
    this.#last = session.id;
    [this.tag, this.wire] = [options.tag, options.wire];
    session.onStateChange((state) => {
      this.#onState(state);
      options.onChange?.();
    });
    session.onUndetermined((messages) => {
      this.undetermined.push(...messages);
      options.onUndetermined?.(messages);
    });
    this.closed = session.closed.then((info) => {
      this.undetermined.push(...info.undetermined);
      if (info.undetermined.length > 0) options.onUndetermined?.(info.undetermined);
      return ended(info);
    });
    if (options.onMessage) session.handle("chat.msg", options.onMessage);
    if (options.onMembers) session.handle("chat.members", ({ members }) => options.onMembers?.(members));
    if (options.onFile) session.handle("file.ready", (info) => info.from !== options.user && options.onFile?.(info));
    session.onDenied(({ topic }) => options.onDenied?.(topic));
  }

  #onState(state: SessionState): void {
    if (state === "reconnecting") {
      // What was opened before was on a connection that the relay counts by itself.
      this.#log.clear();
      this.#losses.cut();
    }
    if (state === "open") {
      if (this.#session.id === this.#last) this.#history.resumed += 1;
      else this.#history.replaced += 1;
      this.#last = this.#session.id;
    }
    if (state === "reconnecting") return;
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  get sessionId(): string {
    return this.#session.id;
  }
  get state(): SessionState {
    return this.#session.state;
  }
  get level(): Level {
    return this.#session.level;
  }
  get suite(): string {
    return `${this.#session.suite}, ${this.#session.codec}`;
  }
  get epochs(): ClientSession["epochs"] {
    return this.#session.epochs;
  }
  /** By the token of the moment. */
  get expiresAt(): Date {
    return this.#session.expiresAt;
  }
  get history(): Readonly<History> {
    return this.#history;
  }

  nextLoss(): Promise<Loss> {
    const lost = this.#losses.next().then((refusal): Loss => ({ ...refusal, ended: false }));
    return Promise.race([lost, this.closed.then((info): Loss => ({ ...info, ended: true }))]);
  }

  async ready(): Promise<boolean> {
    if (this.state === "reconnecting") await new Promise<void>((resolve) => this.#waiting.add(resolve));
    return this.state === "open";
  }

  async say(text: string): Promise<void> {
    await this.#session.send("chat.say", { text });
  }

  join(): Promise<{ you: string; members: string[] }> {
    return this.#session.request("chat.join", { room: "lobby" });
  }

  /** For transfers, which name their topics as strings and say of each what it answers. */
  request(topic: string, data: unknown, signal?: AbortSignal): Promise<unknown> {
    type AnyRequest = (topic: string, data: unknown, options: RequestOptions) => Promise<unknown>;
    const request = this.#session.request.bind(this.#session) as unknown as AnyRequest;
    return request(topic, data, { timeout: REQUEST_MS, ...(signal && { signal }) });
  }

  rekey(): void {
    this.#session.rekey();
  }

  close(): Promise<CloseInfo> {
    return this.#session.close();
  }

  /** The compact JOSE form of a short binary frame. One that the relay changed is none of this session. */
  expand({ kept, direction }: RecordedFrame): string | undefined {
    try {
      return this.#session.expand(kept, direction === "c2s" ? "out" : "in");
    } catch {
      return undefined;
    }
  }

  /** What this end sealed or opened as this frame of the present connection, if it is known. */
  claims(frame: RecordedFrame): string | undefined {
    return this.#log.find(frame);
  }
}

interface Parts {
  readonly history: History;
  readonly log: OpenedLog;
  readonly losses: Losses;
}

/** Why connections of a session ended, where the session itself went on. */
class Losses {
  #tell: (refusal: Refusal) => void = () => {};

  add(error: SealwireError): void {
    if (error.fatal) this.#tell(asRefusal(error));
  }

  /** The connection broke off. Where that was somebody's fault, it was told before. */
  cut(): void {
    this.#tell({ code: "E_TRUNCATED" });
  }

  next(): Promise<Refusal> {
    return new Promise((resolve) => {
      this.#tell = resolve;
    });
  }
}

/** Opens a session through the relay. The keys in `config` are pinned: they came another way. */
export async function openSession(config: DemoConfig, options: SessionOptions): Promise<DemoSession> {
  const { level, wire, credentials } = options;
  const url = new URL(config.relay);
  url.searchParams.set("tag", options.tag);
  const parts: Parts = {
    history: { resumed: 0, replaced: 0, tokens: 0, token: "" },
    log: new OpenedLog(),
    losses: new Losses(),
  };
  const { token, proof } = await credentialsOf(config, options);
  const session = await connect<DemoTopics>(url, {
    server: config.server,
    // Who has no key cannot offer to sign.
    levels: credentials === "bound-no-key" ? ["aead"] : [level],
    protocols: protocolsOf(options),
    // On the text wire with JSON claims, so that every object is a JWT for whoever looks at it.
    codecs: wire === "text" ? ["json"] : ["cbor"],
    trace: (record) => parts.log.add(record),
    onError: (error) => parts.losses.add(error),
    reconnect: RECONNECT,
    limits: { idleSeconds: IDLE_SECONDS },
    token: async (context) => {
      const issued = await token(context);
      parts.history.tokens += 1;
      parts.history.token = issued;
      options.onChange?.();
      return issued;
    },
    ...(proof ? { proof } : {}),
  });
  return new DemoSession(session, options, parts);
}

function protocolsOf({ wire, offersBoth }: SessionOptions): Subprotocol[] {
  if (offersBoth) return ["sealwire.v1.cbor", "sealwire.v1.text"];
  return [wire === "binary" ? "sealwire.v1.cbor" : "sealwire.v1.text"];
}

function ended(info: CloseInfo): Ended {
  const refusal = info.error ? asRefusal(info.error) : { code: "E_CLOSED", closeCode: info.code };
  return { ...refusal, closeCode: refusal.closeCode ?? info.code, clean: info.clean };
}
