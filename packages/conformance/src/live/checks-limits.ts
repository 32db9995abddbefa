// What bounds a connection before its session: numbers of connections, bytes, time. And the pings that keep it alive.
import type { Message } from "../kit/jose.ts";
import { full } from "../kit/jose.ts";
import type { Greeted, Plan, Tester } from "./as-client.ts";
import { demand, ENDINGS, refusesInClear } from "./check.ts";
import type { ServerCheck } from "./checks-server.ts";
import { limit } from "./config.ts";
import { dial, isClosed, Unmet } from "./connection.ts";
import { freshKey } from "./fresh.ts";

const { unauthorized, timeout, protocol, tooBig } = ENDINGS;

/** The most that a WebSocket pong can carry (RFC 6455 section 5.5), and its frame with the mask of a client. */
const PONG = Buffer.alloc(125, 1);
const PONG_FRAME = 2 + 4 + PONG.length;

/** CA as the plan says and, in one burst behind it, good requests that are together larger than early data may be. */
function burst(tester: Tester, greeted: Greeted, plan: Plan = {}): readonly Message[] {
  const { message, th3 } = tester.clientAuth(greeted, plan);
  const peer = tester.peer(greeted, th3);
  const part = Math.ceil(limit(tester.config, "earlyDataBytes") / 4);
  const ask = { top: tester.config.topics.echo, req: true, dat: "x".repeat(part) };
  return [message, ...Array.from({ length: 4 }, () => peer.message(peer.claims(ask)))];
}

export const limitChecks: readonly ServerCheck[] = [
  {
    name: "upgrade: too many connections without authentication",
    req: ["limit:connections"],
    run: async (tester) => {
      const open = [];
      try {
        for (let i = 0; i < limit(tester.config, "unauthenticatedPerAddress"); i++) open.push(await tester.dial());
        const got = await dial(tester.url, [tester.config.protocols[0] as string], tester.tls);
        demand(
          !("socket" in got) && got.status === 503,
          "socket" in got ? "one more was admitted" : `HTTP ${got.status}`,
        );
      } finally {
        for (const connection of open) connection.end();
        await Promise.all(open.map(({ closed }) => closed));
        // A server may take a moment to see that they are gone.
        for (let tries = 0; tries < 100; tries++) {
          const again = await tester.dial().catch(() => undefined);
          again?.end();
          await again?.closed;
          if (again !== undefined) break;
        }
      }
    },
  },
  {
    name: "CH: larger than the limit",
    req: ["limit:hello-bytes", "hs:err"],
    run: async (tester) => {
      const connection = await tester.dial();
      const plan = { ch: { more: "x".repeat(limit(tester.config, "clientHelloBytes")) } };
      connection.send(full(tester.wireOf(connection), tester.clientHello(plan)));
      await refusesInClear(connection, tooBig);
    },
  },
  {
    name: "CA: larger than the limit",
    req: ["limit:hello-bytes"],
    run: async (tester) => {
      const greeted = await tester.greet();
      const { message } = tester.clientAuth(greeted, {
        ca: { more: "x".repeat(limit(tester.config, "clientAuthBytes")) },
      });
      greeted.connection.send(message);
      await refusesInClear(greeted.connection, tooBig);
    },
  },
  {
    // Pongs that nobody asked for are counted on the socket, need no answer, and fall under no other limit.
    name: "more bytes before SR than admitted",
    req: ["limit:unauthenticated", "hs:err"],
    run: async (tester) => {
      const { connection } = await tester.greet();
      const pongs = Math.ceil(limit(tester.config, "unauthenticatedBytes") / PONG_FRAME);
      for (let i = 0; i < pongs; i++) connection.socket.pong(PONG);
      await refusesInClear(connection, tooBig, limit(tester.config, "handshakeSeconds") + 5);
    },
  },
  {
    // Whether it still waits for the check of CA is the server's affair: so both ends are right, and an answer is not.
    name: "CA: refused, with more early data behind it than admitted",
    req: ["hs:early-order", "sr:first", "hs:err"],
    run: async (tester) => {
      const greeted = await tester.greet({ tokenKey: freshKey("ES256") });
      greeted.connection.send(...burst(tester, greeted));
      await refusesInClear(greeted.connection, unauthorized, 10, protocol);
    },
  },
  {
    name: "more early data than admitted while CA is checked",
    req: ["limit:early-data", "hs:err"],
    when: ({ config }) => config.slowSubject !== undefined,
    run: async (tester) => {
      const greeted = await tester.greet({ token: { sub: tester.config.slowSubject } });
      greeted.connection.send(...burst(tester, greeted));
      await refusesInClear(greeted.connection, protocol);
    },
  },
  {
    name: "no CH in time",
    req: ["hs:timeout"],
    slow: true,
    run: async (tester) => {
      const connection = await tester.dial();
      await refusesInClear(connection, timeout, limit(tester.config, "clientHelloSeconds") + 5);
    },
  },
  {
    name: "no CA in time",
    req: ["hs:timeout"],
    slow: true,
    run: async (tester) => {
      const { connection } = await tester.greet();
      await refusesInClear(connection, timeout, limit(tester.config, "handshakeSeconds") + 5);
    },
  },
  {
    name: "the server sends pings",
    req: ["ctl:ping"],
    slow: true,
    run: async (tester) => {
      const peer = await tester.open();
      const deadline = Date.now() + (limit(tester.config, "heartbeatSeconds") + 5) * 1000;
      for (;;) {
        const got = await peer.o.connection.next((deadline - Date.now()) / 1000);
        if (isClosed(got)) throw new Unmet(`closed with ${got.code}`);
        const { control, claims } = await peer.open(got);
        if (control) return demand(claims.top === "ping", `${JSON.stringify(claims.top)} in place of a ping`);
      }
    },
  },
];
