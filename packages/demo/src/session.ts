import { type ClientSession, connect } from "@sealwire/client";
import { type CloseInfo, generateProofKey, type JWKS, type Level, type Subprotocol } from "@sealwire/core";
import { calculateJwkThumbprint, exportJWK } from "jose";
import { asRefusal, type Refusal, type Victim } from "./attacks/run.ts";
import type { WireName } from "./attacks/types.ts";
import { OpenedLog } from "./opened-log.ts";
import type { RecordedFrame } from "./relay/types.ts";
import type { ChatMessage, DemoTopics, FileInfo } from "./topics.ts";
import type { Requester } from "./transfer.ts";

export interface DemoConfig {
  /** WebSocket address of the relay. */
  readonly relay: string;
  readonly server: { readonly id: string; readonly keys: JWKS };
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

export interface TokenOptions {
  readonly expired?: boolean;
  readonly jkt?: string;
}

export interface SessionOptions {
  readonly user: string;
  /** Names the connection at the relay. */
  readonly tag: string;
  readonly level: Level;
  readonly wire: WireName;
  readonly token: (options: TokenOptions) => Promise<string>;
  /** Offers both wires, binary first. */
  readonly offersBoth?: boolean | undefined;
  readonly credentials?: "expired" | "bound-no-key" | "bound-other-key" | undefined;
  readonly onMessage?: (message: ChatMessage) => void;
  readonly onMembers?: (members: readonly string[]) => void;
  readonly onFile?: (info: FileInfo) => void;
  readonly onDenied?: (topic: string) => void;
}

export interface Ended extends Refusal {
  readonly clean: boolean;
}

/** A session of the demo: the SDK's session with the demo's topics, and what the page shows about it. */
export interface DemoSession extends Victim, Requester {
  readonly level: string;
  readonly wire: WireName;
  readonly suite: string;
  readonly closed: Promise<Ended>;
  join(): Promise<{ you: string; members: string[] }>;
  /** The compact JOSE form of a short binary frame. */
  expand(frame: RecordedFrame): string | undefined;
  /** What this end sealed or opened as this frame, if it is known. */
  claims(frame: RecordedFrame): string | undefined;
}

/** Opens a session through the relay. The keys in `config` are pinned: they came another way. */
export async function openSession(config: DemoConfig, options: SessionOptions): Promise<DemoSession> {
  const { level, wire, credentials } = options;
  const url = new URL(config.relay);
  url.searchParams.set("tag", options.tag);
  const log = new OpenedLog();
  const session = await connect<DemoTopics>(url, {
    server: config.server,
    // Who has no key cannot offer to sign.
    levels: credentials === "bound-no-key" ? ["aead"] : [level],
    protocols: protocolsOf(options),
    // On the text wire with JSON claims, so that every object is a JWT for whoever looks at it.
    codecs: wire === "text" ? ["json"] : ["cbor"],
    trace: (record) => log.add(record),
    ...(await credentialsOf(options, level === "sig" || level === "nest" || credentials?.startsWith("bound"))),
  });
  if (options.onMessage) session.handle("chat.msg", options.onMessage);
  if (options.onMembers) session.handle("chat.members", ({ members }) => options.onMembers?.(members));
  if (options.onFile) session.handle("file.ready", (info) => info.from !== options.user && options.onFile?.(info));
  session.onDenied(({ topic }) => options.onDenied?.(topic));
  return {
    tag: options.tag,
    sessionId: session.id,
    level: session.level,
    wire,
    suite: `${session.suite}, ${session.codec}`,
    closed: session.closed.then(ended),
    say: (text) => session.send("chat.say", { text }),
    join: () => session.request("chat.join", { room: "lobby" }),
    request: requester(session),
    close: () => session.close(),
    expand: (frame) => expand(session, frame.kept, frame.direction === "c2s" ? "out" : "in"),
    claims: (frame) => log.find(frame),
  };
}

function protocolsOf({ wire, offersBoth }: SessionOptions): Subprotocol[] {
  if (offersBoth) return ["sealwire.v1.cbor", "sealwire.v1.text"];
  return [wire === "binary" ? "sealwire.v1.cbor" : "sealwire.v1.text"];
}

/** A bearer token, or one that is bound to a key which never leaves this page; and what a thief would come with. */
async function credentialsOf(
  { token, credentials }: SessionOptions,
  bound: boolean | undefined,
): Promise<Pick<Parameters<typeof connect>[1], "token" | "proof">> {
  const expired = credentials === "expired" ? { expired: true } : {};
  if (!bound) return { token: () => token(expired) };
  const own = await generateProofKey();
  const jkt = await calculateJwkThumbprint(await exportJWK(own.publicKey));
  const access = { token: () => token({ jkt, ...expired }) };
  if (credentials === "bound-no-key") return access;
  return { ...access, proof: credentials === "bound-other-key" ? await generateProofKey() : own };
}

/** For transfers, which name their topics as strings and say of each what it answers. */
function requester(session: ClientSession<DemoTopics>): Requester["request"] {
  type AnyRequest = (topic: string, data: unknown, options?: { signal: AbortSignal }) => Promise<unknown>;
  const request = session.request.bind(session) as unknown as AnyRequest;
  return (topic, data, signal) => request(topic, data, signal && { signal });
}

function ended(info: CloseInfo): Ended {
  const refusal = info.error ? asRefusal(info.error) : { code: "E_CLOSED", closeCode: info.code };
  return { ...refusal, closeCode: refusal.closeCode ?? info.code, clean: info.clean };
}

/** A frame that the relay changed is not one of this session any more. */
function expand(session: ClientSession<DemoTopics>, frame: Uint8Array, direction: "in" | "out"): string | undefined {
  try {
    return session.expand(frame, direction);
  } catch {
    return undefined;
  }
}
