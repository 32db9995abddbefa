// What both ends of an open session must do, whoever opened it. The target gives the tester's end of a new session.
import type { Limits } from "@sealwire/core";
import { b64u, flip, unb64u, unhex, utf8 } from "../kit/bytes.ts";
import { cbor } from "../kit/cbor.ts";
import type { Message } from "../kit/jose.ts";
import { type Check, demand, demandOrder, ENDINGS, type Ending, endsSession, refusesItem } from "./check.ts";
import { type Closed, isClosed } from "./connection.ts";
import { freshKey } from "./fresh.ts";
import type { Peer } from "./peer.ts";

export interface SessionTarget {
  readonly open: () => Promise<Peer>;
  readonly topics: { readonly echo: string; readonly message: string; readonly denied: string };
  readonly limit: (name: keyof Limits) => number;
  readonly role: "client" | "server";
}

export type SessionCheck = Check<SessionTarget>;

const { protocol, crypto, replay, quota, tooBig } = ENDINGS;

/** Sends one thing into a session that works, and wants it to end so: the request behind it tells at once if it went on. */
function ends(name: string, req: readonly string[], ending: Ending, make: (peer: Peer, t: SessionTarget) => Message[]) {
  const run = async (target: SessionTarget): Promise<void> => {
    const peer = await target.open();
    peer.send(...make(peer, target), ask(peer, target));
    await endsSession(peer, ending);
  };
  return { name, req, run } satisfies SessionCheck;
}

export const good = (peer: Peer, { topics }: SessionTarget): Message =>
  peer.message(peer.claims({ top: topics.message, dat: 1 }));

/** A request whose answer would show that the message was taken. */
const ask = (peer: Peer, { topics }: SessionTarget, more: object = {}): Message =>
  peer.message(peer.claims({ top: topics.echo, req: true, dat: "x", ...more }));

function tamper(message: Message, part: (segments: Buffer[]) => Buffer[], form: (bytes: Buffer) => Buffer): Message {
  if ("binary" in message) return { binary: form(unhex(message.binary)).toString("hex") };
  return { text: part(message.text.split(".").map(unb64u)).map(b64u).join(".") };
}

/** The last byte of the object: of the tag, the HMAC or the signature. */
const flipLast = (message: Message): Message =>
  tamper(
    message,
    (segments) => [...segments.slice(0, -1), flip(segments.at(-1) as Buffer, -1)],
    (bytes) => flip(bytes, -1),
  );

async function answered(peer: Peer, target: SessionTarget): Promise<void> {
  const message = ask(peer, target);
  const ref = peer.seq;
  peer.send(message);
  for (;;) {
    const got = await peer.next();
    demand(!isClosed(got), `closed with ${(got as Closed).code} in place of an answer`);
    const { claims, control } = got;
    if (control || claims.ref !== ref) continue;
    demandOrder(got);
    return demand(claims.dat === "x", "the answer carries other data");
  }
}

export const sessionChecks: readonly SessionCheck[] = [
  {
    name: "an honest request is answered",
    req: ["req:reply", "claims:order"],
    run: async (t) => answered(await t.open(), t),
  },
  ends("a flipped bit", ["level:verify"], crypto, (peer, t) => [flipLast(ask(peer, t))]),
  ends("a message sealed with other keys", ["level:verify"], crypto, (peer, t) => [
    peer.message(peer.claims({ top: t.topics.echo, req: true, dat: "x" }), {
      keys: { key: Buffer.alloc(32, 1), mac: Buffer.alloc(32, 1) },
      signer: freshKey("ES256"),
    }),
  ]),
  ends("a message sent twice", ["seq:replay"], replay, (peer, t) => {
    const message = good(peer, t);
    return [message, message];
  }),
  ends("a message left out", ["seq:gap"], replay, (peer, t) => {
    good(peer, t);
    return [ask(peer, t)];
  }),
  ends("its own message sent back", ["header:not-in-table"], protocol, (peer, t) => {
    const { receive } = peer.o;
    return [
      peer.message(peer.claims({ top: t.topics.echo, req: true, dat: "x" }), {
        header: peer.header(receive, peer.o.peerKey),
        h: 2,
        keys: receive,
      }),
    ];
  }),
  ends(
    "a control message with the header of another epoch",
    ["header:not-in-table", "header:exact"],
    protocol,
    (peer) => [
      peer.control(
        { top: "ping" },
        { header: { ...peer.controlHeader(peer.o.send), kid: b64u(Buffer.alloc(16)) }, h: 3 },
      ),
    ],
  ),
  ends("a WebSocket message of the other kind", ["wire:opcode"], protocol, (peer) => [
    peer.o.wire === "text" ? { binary: "80" } : { text: "e30.e30.e30" },
  ]),
  ends("bytes that are no object", ["wire:frame", "wire:segments"], protocol, (peer) => [
    peer.o.wire === "text" ? { text: "a.b.c.d" } : { binary: "8103" },
  ]),
  ends("padded base64url, or a frame with trailing bytes", ["b64:canonical", "wire:frame"], protocol, (peer, t) => {
    const message = ask(peer, t);
    return [
      "text" in message
        ? { text: message.text.replace(/\.([^.]*)$/, (_, last: string) => `.${last}=`) }
        : { binary: `${message.binary}00` },
    ];
  }),
  ends("bare JSON in a session", ["wire:form", "hs:states"], protocol, (peer) => {
    const bare = '{"typ":"sealwire-err","code":"busy"}';
    return [peer.o.wire === "text" ? { text: bare } : { binary: cbor([0, utf8(bare)]).toString("hex") }];
  }),
  ends("a message without exp", ["claims:table"], protocol, (peer, t) => [ask(peer, t, { exp: undefined })]),
  ends("a topic outside its alphabet", ["claims:table"], protocol, (peer, t) => [
    ask(peer, t, { top: `${t.topics.echo} ` }),
  ]),
  ends("a request that is also an answer", ["claims:table"], protocol, (peer, t) => [ask(peer, t, { ref: 1 })]),
  ends("exp before iat", ["time:exp-before-iat"], protocol, (peer, t) => [
    ask(peer, t, { iat: peer.o.now() + 5, exp: peer.o.now() }),
  ]),
  ends("a batch beside a topic", ["batch:shape"], protocol, (peer, t) => [
    ask(peer, t, { bat: [[t.topics.message, null, 1]] }),
  ]),
  ends("a reference to a message that was never sent", ["req:ref-unsent"], protocol, (peer, t) => [
    peer.message(peer.claims({ top: t.topics.message, ref: 9_000_000, dat: 1 })),
  ]),
  ends("nesting beyond the limit", ["limit:claims"], protocol, (peer, t) => {
    let dat: unknown = 1;
    for (let depth = 0; depth < 40; depth++) dat = [dat];
    return [ask(peer, t, { dat })];
  }),
  ends("an unknown control message", ["ctl:members"], protocol, (peer) => [peer.control({ top: "reboot" })]),
  ends("rcv above what was sent", ["ctl:rcv"], replay, (peer) => [peer.control({ top: "ping", rcv: 9_000_000 })]),
  ends("control messages beyond their budget", ["ctl:budget"], quota, (peer, t) =>
    Array.from({ length: t.limit("controlBurst") + 30 }, () => peer.control({ top: "ping" })),
  ),
  ends("a message above lim.msg", ["limit:message"], tooBig, (peer, t) => {
    const text = "x".repeat(t.limit("messageBytes") + 1);
    return [peer.o.wire === "text" ? { text } : { binary: utf8(text).toString("hex") }];
  }),
  {
    name: "a ping is answered with one pong about it",
    req: ["ctl:pong", "ctl:rcv-send", "claims:order"],
    run: async ({ open }) => {
      const peer = await open();
      peer.send(peer.control({ top: "ping" }));
      const ref = peer.seq;
      for (;;) {
        const got = await peer.next();
        demand(!isClosed(got), "closed in place of a pong");
        const { claims, control } = got;
        if (!control || claims.top !== "pong") continue;
        demandOrder(got);
        demand(claims.ref === ref, `pong about ${JSON.stringify(claims.ref)} in place of ${ref}`);
        return demand(claims.rcv === ref, `rcv is ${JSON.stringify(claims.rcv)}, committed was ${ref}`);
      }
    },
  },
  {
    name: "an expired message is refused and uses its number",
    req: ["time:expired", "seq:consumed"],
    run: async (target) => {
      const peer = await target.open();
      peer.send(ask(peer, target, { iat: peer.o.now() - 120, exp: peer.o.now() - 60 }));
      await refusesItem(peer, ["E_EXPIRED"], peer.seq);
      await answered(peer, target);
    },
  },
  {
    name: "a message with too long a life is refused",
    req: ["time:ttl"],
    run: async (target) => {
      const peer = await target.open();
      peer.send(ask(peer, target, { exp: peer.o.now() + 5000 }));
      await refusesItem(peer, ["E_TTL"], peer.seq);
      await answered(peer, target);
    },
  },
  {
    name: "a message from the future is refused",
    req: ["time:future"],
    run: async (target) => {
      const peer = await target.open();
      peer.send(ask(peer, target, { iat: peer.o.now() + 200, exp: peer.o.now() + 250 }));
      await refusesItem(peer, ["E_FUTURE"], peer.seq);
      await answered(peer, target);
    },
  },
  {
    name: "a topic that is not allowed is denied, also inside a batch, and the rest goes on",
    req: ["auth:deny-default", "batch:isolated"],
    run: async (target) => {
      const peer = await target.open();
      const { denied, message } = target.topics;
      peer.send(peer.message(peer.claims({ top: denied, req: true, dat: 1 })));
      // A client may authorize everything: then it has no handler for it.
      await refusesItem(peer, target.role === "server" ? ["E_DENIED"] : ["E_DENIED", "E_NO_HANDLER"], peer.seq);
      if (target.role === "server") {
        peer.send(
          peer.message(
            peer.claims({
              bat: [
                [message, null, 1],
                [denied, null, 2],
                [message, null, 3],
              ],
            }),
          ),
        );
        const seq = peer.seq;
        for (;;) {
          const got = await peer.next();
          demand(!isClosed(got), "closed in place of err E_DENIED");
          const { claims } = got;
          if (claims.top !== "err") continue;
          demand(JSON.stringify(claims.ref) === JSON.stringify([seq, 1]), `err about ${JSON.stringify(claims.ref)}`);
          break;
        }
      }
      await answered(peer, target);
    },
  },
];

export const signedChecks: readonly SessionCheck[] = [
  ends("another connection's bnd", ["claims:binding"], crypto, (peer, t) => [
    ask(peer, t, { bnd: b64u(Buffer.alloc(16)) }),
  ]),
  ends("another aud", ["claims:binding"], crypto, (peer, t) => [ask(peer, t, { aud: "https://other.example" })]),
  ends("another iss", ["claims:iss"], crypto, (peer, t) => [ask(peer, t, { iss: "https://other.example" })]),
];

export const encryptedChecks: readonly SessionCheck[] = [
  ends("claim seq differs from the number outside", ["seq:equal"], replay, (peer, t) => [ask(peer, t, { seq: 7 })]),
  ends("a tag cut short", ["aead:tag"], crypto, (peer, t) => {
    const message = ask(peer, t);
    // A frame of form 3 up to its byte string, which then is too short for a tag; on the text wire a tag of 12 bytes.
    if ("binary" in message) {
      const head = unhex(message.binary).subarray(0, 4);
      return [{ binary: Buffer.concat([head, cbor(Buffer.alloc(8, 1))]).toString("hex") }];
    }
    const segments = message.text.split(".");
    const tag = unb64u(segments.pop() as string).subarray(0, 12);
    return [{ text: [...segments, b64u(tag)].join(".") }];
  }),
];
