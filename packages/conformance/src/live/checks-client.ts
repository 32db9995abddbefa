// What a client must do before a session is open. Each check has one connection of the client to itself.
import { b64u, flip, unb64u, utf8 } from "../kit/bytes.ts";
import { cbor } from "../kit/cbor.ts";
import type { Message } from "../kit/jose.ts";
import { localNow } from "./as-client.ts";
import type { Answer, Reception, Visit } from "./as-server.ts";
import { type Check, closes, closesSilently, demand, ENDINGS, type Ending } from "./check.ts";
import { isClosed, Unmet } from "./connection.ts";
import { freshKey } from "./fresh.ts";

type ClientCheck = Check<Reception>;
type Members = Record<string, unknown>;

const { timeout, protocol, negotiate, crypto } = ENDINGS;
const EXPIRED: Ending = [4510, "expired"];
const PATIENCE = 30;

function refusesHello(name: string, req: readonly string[], ending: Ending, answer: Answer): ClientCheck {
  return {
    name: `SH: ${name}`,
    req,
    run: async (reception) => {
      const visit = await reception.visit(PATIENCE);
      visit.greet(await visit.hello(), answer);
      await closesSilently(visit.connection, ending);
    },
  };
}

function refusesReady(name: string, req: readonly string[], ending: Ending, sr: Members): ClientCheck {
  return {
    name: `SR: ${name}`,
    req,
    run: async (reception) => {
      const visit = await reception.visit(PATIENCE);
      const ch = await visit.hello();
      visit.ready(await visit.authenticated(ch, visit.greet(ch)), sr);
      await closes(visit.connection, ending);
    },
  };
}

/** SH as JSON with its members changed. */
const inSh = (change: (sh: Members) => Members) => (sh: Members) => JSON.stringify(change(sh));

const epk = (x: Uint8Array, y?: Uint8Array) =>
  inSh((sh) => ({ ...sh, epk: { ...(sh.epk as object), x: b64u(x), ...(y === undefined ? {} : { y: b64u(y) }) } }));

const clear = (visit: Visit, text: string): Message =>
  visit.wire === "text" ? { text } : { binary: cbor([0, utf8(text)]).toString("hex") };

/** The client must not be talked out of coming back by a code that anybody could have sent. */
async function comesBack(reception: Reception, first: (visit: Visit) => void): Promise<void> {
  const visit = await reception.visit(PATIENCE);
  await visit.hello();
  first(visit);
  for (;;) if (isClosed(await visit.connection.next(10))) return;
}

export const clientChecks: readonly ClientCheck[] = [
  {
    name: "CH: offers, keys and prt",
    req: ["ch:prt-all", "ch:fresh", "ch:no-key-no-sig", "hs:members"],
    run: async (reception) => {
      const seen = new Set<string>();
      for (let i = 0; i < 2; i++) {
        const visit = await reception.visit(PATIENCE);
        const ch = await visit.hello();
        const { st, kex, prt, rnd } = ch as { st: string[]; kex: { x: string }[]; prt: string[]; rnd: string };
        demand(st.length === kex.length, "kex and st differ in length");
        demand(prt.includes(visit.connection.socket.protocol), "prt lacks the selected subprotocol");
        for (const value of [rnd, ...kex.map(({ x }) => x)]) {
          demand(!seen.has(value), "a key or random value was used twice");
          seen.add(value);
        }
        visit.connection.end();
      }
    },
  },
  refusesHello("signed by a key that is not pinned", ["sh:pinned"], crypto, {
    signer: freshKey("ES256"),
    header: { kid: b64u(Buffer.alloc(32, 3)) },
  }),
  refusesHello("the signature is another key's", ["sh:signature"], crypto, { signer: freshKey("ES256") }),
  refusesHello("a bit of the signature flipped", ["sh:signature"], crypto, {
    changed: (compact) => {
      const [header, payload, signature] = compact.split(".") as [string, string, string];
      return [header, payload, b64u(flip(unb64u(signature), 5))].join(".");
    },
  }),
  refusesHello("typ of an access token", ["header:typ"], protocol, { header: { typ: "at+jwt" } }),
  refusesHello("crit in its header", ["header:allow-list"], protocol, { header: { crit: ["exp"], exp: 1 } }),
  refusesHello("cty in its header", ["header:cty"], protocol, { header: { cty: "JWT" } }),
  refusesHello("another alg than the key's", ["header:alg", "sh:alg-offered"], protocol, { header: { alg: "none" } }),
  refusesHello("iss is another server", ["sh:iss"], crypto, { sh: { iss: "https://other.example" } }),
  refusesHello("th of another CH", ["sh:th"], crypto, { sh: { th: b64u(Buffer.alloc(32)) } }),
  refusesHello("prt is not what the 101 selected", ["sh:prt"], negotiate, { sh: { prt: "sealwire.v1.other" } }),
  refusesHello("a level that was not offered", ["sh:offered"], negotiate, { sh: { lvl: "future" } }),
  refusesHello("window order, which nobody accepts", ["sh:pol"], negotiate, {
    sh: { pol: { pop: "optional", res: 0, seq: "window" } },
  }),
  refusesHello("without rnd", ["hs:members"], protocol, { sh: { rnd: undefined } }),
  refusesHello("iat with a fraction", ["json:integer"], protocol, {
    sh: (sh) => JSON.stringify(sh).replace(/"iat":(\d+)/, '"iat":$1.0'),
  }),
  refusesHello("a member twice", ["json:duplicate"], protocol, {
    sh: (sh) => JSON.stringify(sh).replace('"lvl":', '"iss":"https://chat.example","lvl":'),
  }),
  refusesHello("an ephemeral key that is no point", ["key:p256-point", "key:okp-point"], crypto, {
    sh: (sh) => {
      const ec = (sh.epk as { kty: string }).kty === "EC";
      return ec ? epk(Buffer.alloc(32, 2), Buffer.alloc(32, 2))(sh) : epk(Buffer.alloc(32))(sh);
    },
  }),
  refusesHello("more than a day off", ["time:offset"], negotiate, { sh: { iat: localNow() + 100_000 } }),
  {
    name: "101 without a subprotocol",
    req: ["hs:no-fallback"],
    run: async (reception) => {
      reception.select = () => false;
      try {
        const visit = await reception.visit(PATIENCE);
        const got = await visit.connection.next(10);
        demand(isClosed(got), "it talks without a subprotocol");
      } finally {
        reception.select = undefined;
      }
    },
  },
  {
    name: "bare JSON that is no sealwire-err, in place of SH",
    req: ["hs:err-shape"],
    run: async (reception) => {
      const visit = await reception.visit(PATIENCE);
      await visit.hello();
      visit.connection.send(clear(visit, '{"typ":"sealwire-err","code":5}'));
      await closesSilently(visit.connection, protocol);
    },
  },
  {
    name: "a message of the other kind in place of SH",
    req: ["wire:opcode"],
    run: async (reception) => {
      const visit = await reception.visit(PATIENCE);
      await visit.hello();
      visit.connection.send(visit.wire === "text" ? { binary: "8100" } : { text: "{}" });
      await closesSilently(visit.connection, protocol);
    },
  },
  {
    name: "a forged farewell is not believed for good",
    req: ["close:hint"],
    run: async (reception) => {
      await comesBack(reception, (visit) => {
        visit.connection.send(clear(visit, '{"typ":"sealwire-err","code":"revoked"}'));
        visit.connection.socket.close(4403, "revoked");
      });
      const visit = await reception.visit(PATIENCE);
      await visit.open();
      visit.connection.end();
    },
  },
  refusesReady("th of another connection", ["sr:th"], crypto, { th: b64u(Buffer.alloc(32)) }),
  refusesReady("a channel binding that is not derived", ["sr:th"], crypto, { cb: b64u(Buffer.alloc(32)) }),
  refusesReady("a session that has ended", ["sr:time"], EXPIRED, { iat: localNow() - 900, exp: localNow() - 800 }),
  refusesReady("without scp", ["hs:members"], protocol, { scp: undefined }),
  {
    name: "SR: before its session nothing but early data is sent",
    req: ["hs:early-send"],
    run: async (reception) => {
      const visit = await reception.visit(PATIENCE);
      const ch = await visit.hello();
      await visit.authenticated(ch, visit.greet(ch));
      let bytes = 0;
      try {
        for (;;) {
          const got = await visit.connection.next(2);
          if (isClosed(got)) break;
          bytes += "text" in got ? Buffer.byteLength(got.text) : got.binary.length / 2;
        }
      } catch (error) {
        if (!(error instanceof Unmet)) throw error;
      }
      visit.connection.end();
      demand(bytes <= 65_536, `${bytes} bytes of early data`);
    },
  },
  {
    name: "no SR in time",
    req: ["hs:timeout"],
    slow: true,
    run: async (reception) => {
      const visit = await reception.visit(PATIENCE);
      const ch = await visit.hello();
      await visit.authenticated(ch, visit.greet(ch));
      await closes(visit.connection, timeout, 20);
    },
  },
];
