// What a server must do before a session is open.
import { b64u, unb64u, unhex } from "../kit/bytes.ts";
import { full, type Message } from "../kit/jose.ts";
import { wireJwk } from "../kit/keys.ts";
import { localNow, type Plan, type Tester, tokenHash } from "./as-client.ts";
import { bareUpgrade } from "./bare-upgrade.ts";
import { type Check, demand, ENDINGS, type Ending, refusesInClear } from "./check.ts";
import { dial } from "./connection.ts";
import { ephemeral, freshKey } from "./fresh.ts";

export type ServerCheck = Check<Tester>;
type Members = Record<string, unknown>;

const { unauthorized, protocol, negotiate, crypto } = ENDINGS;

/** Sends one CH and wants it refused. */
function refusesHello(name: string, req: readonly string[], ending: Ending, plan: Plan): ServerCheck {
  return {
    name: `CH: ${name}`,
    req: [...req, "hs:err"],
    run: async (tester) => {
      const connection = await tester.dial(plan);
      connection.send(full(tester.wireOf(connection), tester.clientHello(plan)));
      await refusesInClear(connection, ending);
    },
  };
}

/** Greets honestly, sends one CA and wants it refused; what is wrong stays with the server. */
function refusesAuth(
  name: string,
  req: readonly string[],
  plan: Plan | ((th2: string) => Plan),
  ending: Ending = unauthorized,
): ServerCheck {
  return {
    name: `CA: ${name}`,
    req: [...req, "ca:coarse", "hs:err", "sr:first"],
    run: async (tester) => {
      const base = typeof plan === "function" ? plan("") : plan;
      const greeted = await tester.greet(base);
      const { message } = tester.clientAuth(greeted, typeof plan === "function" ? plan(greeted.token) : plan);
      greeted.connection.send(message);
      await refusesInClear(greeted.connection, ending);
    },
  };
}

const OFF_CURVE = b64u(Buffer.alloc(32, 2));
const inCh = (change: (ch: Members) => Members | string) => (ch: Members) => {
  const changed = change(ch);
  return typeof changed === "string" ? changed : JSON.stringify(changed);
};

export const serverChecks: readonly ServerCheck[] = [
  {
    name: "upgrade: no subprotocol in common",
    req: ["hs:no-common"],
    run: async (tester) => {
      const got = await bareUpgrade(tester.url, "sealwire.v9.text", tester.tls);
      demand(got.status === 101 && got.close === 4406, `HTTP ${got.status}, close code ${got.close} in place of 4406`);
    },
  },
  {
    name: "upgrade: compression is not negotiated",
    req: ["hs:no-deflate"],
    run: async (tester) => {
      const got = await dial(tester.url, [tester.config.protocols[0] as string], { ...tester.tls, deflate: true });
      demand("socket" in got, "the upgrade was refused");
      demand(got.socket.extensions === "", `extensions: ${got.socket.extensions}`);
      got.end();
    },
  },
  {
    name: "upgrade: the first of the client's subprotocols is selected",
    req: ["hs:select"],
    run: async (tester) => {
      for (const offer of [tester.config.protocols, [...tester.config.protocols].reverse()]) {
        const connection = await tester.dial({ offer });
        demand(connection.socket.protocol === offer[0], `${connection.socket.protocol} of ${offer.join(", ")}`);
        connection.end();
      }
    },
  },
  {
    name: "upgrade: a page of another origin is refused",
    req: ["hs:origin"],
    run: async (tester) => {
      const headers = { origin: tester.config.foreignOrigin ?? "https://evil.example" };
      const got = await dial(tester.url, [tester.config.protocols[0] as string], { ...tester.tls, headers });
      demand(!("socket" in got) && got.status === 403, "socket" in got ? "admitted" : `HTTP ${got.status}`);
    },
  },
  refusesHello("without rnd", ["hs:members"], protocol, { ch: { rnd: undefined } }),
  refusesHello("aud is a number", ["hs:members"], protocol, { ch: { aud: 5 } }),
  refusesHello("another version", ["ch:version"], negotiate, { ch: { v: 2 } }),
  refusesHello("for another server", ["ch:aud"], negotiate, { ch: { aud: "https://other.example" } }),
  refusesHello("prt lists what would not be selected", ["ch:prt"], negotiate, {
    ch: inCh((ch) => ({ ...ch, prt: ["sealwire.v1.other"] })),
  }),
  refusesHello("no level in common", ["ch:none"], negotiate, { ch: { lvl: ["future"] } }),
  refusesHello("no codec in common", ["ch:none"], negotiate, { ch: { cod: ["xml"] } }),
  refusesHello("a key off the curve", ["key:p256-point"], crypto, {
    ch: inCh((ch) => ({ ...ch, st: ["p256"], kex: [{ ...wireJwk(ephemeral("p256")), y: OFF_CURVE }] })),
  }),
  refusesHello("a key of small order", ["key:okp-point"], crypto, {
    ch: inCh((ch) => ({ ...ch, st: ["x25519"], kex: [{ kty: "OKP", crv: "X25519", x: b64u(Buffer.alloc(32)) }] })),
  }),
  refusesHello("a private key in kex", ["key:jwk-members"], protocol, {
    ch: inCh((ch) => ({ ...ch, st: ["p256"], kex: [{ ...wireJwk(ephemeral("p256")), d: OFF_CURVE }] })),
  }),
  refusesHello("one member twice", ["json:duplicate"], protocol, {
    ch: inCh((ch) => JSON.stringify(ch).replace('"v":1', '"v":1,"\\u0076":1')),
  }),
  refusesHello("v written as 1.0", ["json:integer"], protocol, {
    ch: inCh((ch) => JSON.stringify(ch).replace('"v":1', '"v":1.0')),
  }),
  {
    name: "CH: twice",
    req: ["hs:states"],
    run: async (tester) => {
      const { connection, wire } = await tester.greet();
      connection.send(full(wire, tester.clientHello({})));
      await refusesInClear(connection, protocol);
    },
  },
  {
    name: "CH: in a frame of the other kind",
    req: ["wire:opcode"],
    run: async (tester) => {
      const connection = await tester.dial();
      const ch = tester.clientHello({});
      const text = tester.wireOf(connection) === "text";
      connection.send(text ? { binary: Buffer.from(ch).toString("hex") } : { text: ch });
      await refusesInClear(connection, protocol);
    },
  },
  {
    name: "a message before CA",
    req: ["hs:states", "wire:form"],
    run: async (tester) => {
      const { connection, wire } = await tester.greet();
      const message: Message = wire === "text" ? { text: "e30.e30.e30" } : { binary: "8404004041" + "00" };
      connection.send(message);
      await refusesInClear(connection, protocol);
    },
  },
  {
    name: "SH follows CH exactly",
    req: ["ch:select", "kdf:schedule", "sh:pop-for-sig"],
    run: async (tester) => {
      const { levels, suites, codecs } = tester.config;
      for (const [i, level] of levels.entries()) {
        const plan = { level, suite: suites[i % suites.length] as string, codec: codecs[i % codecs.length] as string };
        const greeted = await tester.greet(plan);
        const { pol, lvl, st, cod } = greeted.sh as { pol: { pop: string }; lvl: string; st: string; cod: string };
        demand(lvl === level && st === plan.suite && cod === plan.codec, `selected ${lvl}, ${st}, ${cod}`);
        if (level === "sig" || level === "nest") demand(pol.pop === "required", `pol.pop is ${pol.pop}`);
        greeted.connection.end();
      }
    },
  },
  refusesAuth("neither at nor ath", ["ca:at-or-ath"], { ca: { at: undefined } }),
  refusesAuth("both at and ath", ["ca:at-or-ath"], { ca: { ath: tokenHash("x") } }),
  refusesAuth("th of another connection", ["ca:th"], { ca: { th: b64u(Buffer.alloc(32)) } }),
  refusesAuth("for another server", ["ca:aud"], { ca: { aud: "https://other.example" } }),
  refusesAuth("expired", ["ca:time"], { ca: { iat: localNow() - 500, exp: localNow() - 450 } }),
  refusesAuth("bearer with ath", ["pop:bearer-ath"], (token) => ({ ca: { at: undefined, ath: tokenHash(token) } })),
  refusesAuth("a bound token without its proof", ["pop:stripped"], { proof: true, strip: true }),
  refusesAuth("a proof for a bearer token", ["pop:no-cnf"], { proof: true, token: { cnf: undefined } }),
  refusesAuth("a proof by another key than the token names", ["pop:thumbprint"], {
    proof: true,
    token: { cnf: { jkt: b64u(Buffer.alloc(32, 7)) } },
  }),
  refusesAuth("the proof's signature is another key's", ["pop:signature"], {
    proof: true,
    proofSigner: freshKey("ES256"),
  }),
  refusesAuth("the proof's key is private", ["ca:jwk"], {
    proof: true,
    inner: { jwk: { ...wireJwk(freshKey("ES256")), d: OFF_CURVE } },
  }),
  refusesAuth("the proof's typ is that of DPoP", ["header:typ"], { proof: true, inner: { typ: "dpop+jwt" } }),
  refusesAuth("crit in the header of the proof", ["header:allow-list"], { proof: true, inner: { crit: ["exp"] } }),
  refusesAuth("cty in the header of the proof", ["header:cty"], { proof: true, inner: { cty: "JWT" } }),
  refusesAuth("alg of another kind of key", ["header:alg"], { proof: true, inner: { alg: "Ed25519" } }),
  refusesAuth("level sig without a proof", ["pop:required"], { level: "sig", proof: false }),
  refusesAuth("cnf with another confirmation", ["token:shape"], {
    proof: true,
    token: { cnf: { jkt: b64u(Buffer.alloc(32, 7)), "x5t#S256": "x" } },
  }),
  refusesAuth("token of another typ", ["token:typ"], { tokenHeader: { typ: "JWT" } }),
  refusesAuth("token signed by another key", ["token:signature"], { tokenKey: freshKey("ES256") }),
  refusesAuth("token of another issuer", ["token:iss"], { token: { iss: "https://evil.example" } }),
  refusesAuth("token for another audience", ["token:aud"], { token: { aud: "https://other.example" } }),
  refusesAuth("token that has expired", ["token:time"], { token: { exp: localNow() - 5 } }),
  refusesAuth("token from the future", ["token:time"], { token: { nbf: localNow() + 500 } }),
  refusesAuth("token larger than the limit", ["token:size"], { token: { more: "x".repeat(6300) } }),
  {
    name: "CA: under the keys of another handshake",
    req: ["header:not-in-table", "kdf:schedule"],
    run: async (tester) => {
      const [one, two] = [await tester.greet(), await tester.greet()];
      two.connection.send(tester.clientAuth(one).message);
      one.connection.end();
      await refusesInClear(two.connection, protocol);
    },
  },
  {
    name: "CA: a bit of its tag flipped",
    req: ["level:verify"],
    run: async (tester) => {
      const greeted = await tester.greet();
      const { message } = tester.clientAuth(greeted);
      greeted.connection.send(flipped(message));
      await refusesInClear(greeted.connection, crypto);
    },
  },
];

function flipped(message: Message): Message {
  if ("binary" in message) {
    const bytes = unhex(message.binary);
    bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
    return { binary: bytes.toString("hex") };
  }
  const segments = message.text.split(".").map(unb64u);
  const last = segments.at(-1) as Buffer;
  last[0] = (last[0] as number) ^ 1;
  return { text: segments.map(b64u).join(".") };
}
