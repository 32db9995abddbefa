// The keys behind a rekey and behind a resume (specs/lifecycle.md, sections 3 and 7).
import { hex, labelled } from "../kit/bytes.ts";
import type { Suite } from "../kit/handshake.ts";
import { agree } from "../kit/jose.ts";
import { helloKeys, type Keys, rekeyed, resumed, type Traffic } from "../kit/kdf.ts";
import { type Jwk, wireJwk } from "../kit/keys.ts";
import { controlClaims } from "../kit/messages.ts";
import { Resume } from "../kit/resume.ts";
import { Group } from "./file.ts";
import { Scene } from "./handshake-scene.ts";
import { $key, jwkOf } from "./keys.ts";

const CHAIN = labelled("chain");

function labels({ client, server, chain }: Traffic): Record<string, string> {
  const side = (prefix: "c" | "s", { key, iv, mac, kid }: Keys): [string, string][] =>
    Object.entries({ key, iv, mac, kid }).map(([name, bytes]) => [`${prefix} app ${name}`, hex(bytes)]);
  return Object.fromEntries([...side("c", client), ...side("s", server), ["chain", hex(chain)]]);
}

interface Ends {
  readonly own: string;
  readonly peer: Jwk;
}

/** Both ends of one agreement, and what each vector's input says of it. */
const endsOf = (suite: Suite): { readonly client: Ends; readonly server: Ends } => {
  const [client, server] = [`client ephemeral ${suite}`, `server ephemeral ${suite}`];
  return {
    client: { own: client, peer: wireJwk(jwkOf(server)) },
    server: { own: server, peer: wireJwk(jwkOf(client)) },
  };
};

function refusals(group: Group, suite: Suite, input: Record<string, unknown>, from: string): void {
  const zero = { x: "A".repeat(43), ...(suite === "p256" ? { y: "A".repeat(43) } : {}) };
  const { peer } = endsOf(suite).client;
  const req = [suite === "p256" ? "key:p256-point" : "key:okp-point"];
  const more = suite === "p256" ? [] : ["kdf:zero"];
  group.refuse("zero", from, "the peer's key is zero", [...req, ...more], { ...input, peer: { ...peer, ...zero } }, [
    "E_KEY",
    "claims",
  ]);
  const short = { ...peer, x: (peer.x as string).slice(0, 42) };
  group.refuse("short", from, "x of the peer's key has 42 characters", req, { ...input, peer: short }, [
    "E_KEY",
    "claims",
  ]);
}

function rekeys(suite: Suite): Group {
  const { client, server } = endsOf(suite);
  const context = { suite, own: $key(client.own), peer: client.peer, chain: hex(CHAIN) };
  const group = new Group(`kdf/rekey-${suite}`, {
    level: "L2",
    section: "lifecycle.md#3-rekey",
    op: "kdf.rekey",
    context,
  });
  const rekey = controlClaims({ seq: 5, top: "rekey", n: 1, epk: server.peer, rcv: 4 });
  const answer = controlClaims({ seq: 7, top: "rekeyed", n: 1, epk: client.peer, ref: 5, rcv: 5 });
  const z = agree(jwkOf(client.own), client.peer);
  const accept = (
    name: string,
    comment: string,
    over: Record<string, unknown>,
    texts: [string, string],
    chain = CHAIN,
  ): void => {
    const { tr, ...traffic } = rekeyed(chain, z, ...texts);
    const input = { rekey: texts[0], rekeyed: texts[1], ...over };
    group.accept(name, comment, ["kdf:schedule"], input, { tr: hex(tr), labels: labels(traffic) });
    group.explain({ z: hex(z) });
  };
  accept("proposer", "plaintexts of rekey and rekeyed as sent", {}, [rekey, answer]);
  const other = { own: $key(server.own), peer: server.peer };
  accept("responder", "the other end derives the same", other, [rekey, answer]);
  const chain = labelled("another chain");
  accept("chain", "another chain gives other keys", { chain: hex(chain) }, [rekey, answer], chain);
  const note = answer.replace("}", ',"näme":"Grüße, 😀"}');
  accept("utf8", "an unknown member of two and four bytes: lengths are lengths in bytes", {}, [rekey, note]);
  accept("boundary", "the same characters, divided otherwise", {}, ["ab", "c"]);
  accept("boundary-moved", "see boundary", {}, ["a", "bc"]);
  refusals(group, suite, { rekey, rekeyed: answer }, "proposer");
  return group;
}

function resumes(suite: Suite): Group {
  const { client, server } = endsOf(suite);
  const context = { suite, own: $key(client.own), peer: client.peer, chain: hex(CHAIN) };
  const group = new Group(`kdf/resume-${suite}`, {
    level: "L2",
    section: "lifecycle.md#7-resume",
    op: "kdf.resume",
    context,
  });
  const { setup } = new Scene({ role: "client", suite });
  const z = agree(jwkOf(client.own), client.peer);
  const accept = (
    name: string,
    comment: string,
    over: Record<string, unknown>,
    chain = CHAIN,
    m?: [string, string],
  ): void => {
    const hello = new Resume({ ...setup, res: 120, chain, clientRcv: 7, serverRcv: 9 });
    const [m1, m2] = m ?? [hello.ch, hello.sh];
    const { th2, cb, ...traffic } = resumed(chain, z, m1, m2);
    const { client: c, server: s, kid } = helloKeys(chain);
    const result = {
      th2: hex(th2),
      clientKey: hex(c),
      serverKey: hex(s),
      kid,
      labels: { ...labels(traffic), cb: hex(cb) },
    };
    group.accept(name, comment, ["kdf:schedule"], { m1, m2, ...over }, result);
    group.explain({ z: hex(z) });
  };
  accept("client", "m1 and m2 are the compact texts of both hellos", {});
  accept("server", "the server derives the same", { own: $key(server.own), peer: server.peer });
  const chain = labelled("another chain");
  accept("chain", "another chain gives other keys, and another kid", { chain: hex(chain) }, chain);
  accept("boundary", "the same characters, divided otherwise", {}, CHAIN, ["ab", "c"]);
  accept("boundary-moved", "see boundary", {}, CHAIN, ["a", "bc"]);
  refusals(group, suite, { m1: "", m2: "" }, "client");
  return group;
}

export const continuations = (suite: Suite): Group[] => [rekeys(suite), resumes(suite)];
