// One check: what it does to the other end, and what it demands of it.
import { unhex } from "../kit/bytes.ts";
import type { Message } from "../kit/jose.ts";
import { type Closed, type Connection, isClosed, Unmet } from "./connection.ts";
import { readFrame } from "./frame.ts";
import type { Opened, Peer } from "./peer.ts";

export interface Check<Target> {
  readonly name: string;
  /** Requirements of the specification that it shows. */
  readonly req: readonly string[];
  readonly run: (target: Target) => Promise<void>;
  /** Takes as long as a deadline of the implementation: left out unless asked for. */
  readonly slow?: true;
  /** Left out where this does not hold: the target lacks what the check rests on. */
  readonly when?: (target: Target) => boolean;
}

export type Ending = readonly [code: number, name: string];

/** Coarse names by close code, as a fatal error of one kind shows them. */
export const ENDINGS: Readonly<
  Record<"tooBig" | "unauthorized" | "timeout" | "protocol" | "negotiate" | "crypto" | "replay" | "quota", Ending>
> = {
  tooBig: [1009, "too-big"],
  unauthorized: [3000, "unauthorized"],
  timeout: [3008, "timeout"],
  protocol: [4400, "protocol"],
  negotiate: [4406, "negotiate"],
  crypto: [4501, "crypto"],
  replay: [4502, "replay"],
  quota: [4529, "quota"],
};

export function demand(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Unmet(otherwise);
}

export const textOf = (message: Message): string =>
  "text" in message ? message.text : readFrame(unhex(message.binary));

function demandClose(closed: Closed, [code, name]: Ending, where: string): void {
  demand(closed.code === code, `${where}: closed with ${closed.code} "${closed.reason}" in place of ${code} "${name}"`);
  demand(closed.reason === name, `${where}: close reason "${closed.reason}" in place of "${name}"`);
}

/** The server answers in clear with the coarse name alone, then closes with its code. `or`: another end that is right. */
export async function refusesInClear(
  connection: Connection,
  ending: Ending,
  seconds = 10,
  or: Ending = ending,
): Promise<void> {
  const first = await connection.next(seconds);
  demand(!isClosed(first), `closed with ${(first as Closed).code} without a sealwire-err`);
  const text = textOf(first);
  const clear = ([, name]: Ending): string => JSON.stringify({ typ: "sealwire-err", code: name });
  const told = [ending, or].find((one) => clear(one) === text);
  demand(told !== undefined, `answered ${text.slice(0, 120)} in place of ${clear(ending)}`);
  const second = await connection.next(seconds);
  demand(isClosed(second), "sent something after its sealwire-err");
  demandClose(second, told, "handshake");
}

/** A client that does not like SH says nothing: it closes with the code of its error. */
export async function closesSilently(connection: Connection, ending: Ending): Promise<void> {
  const got = await connection.next(10);
  demand(isClosed(got), "it went on after an SH that it had to reject");
  demandClose(got, ending, "handshake");
}

/** The same after CA, when early data can be on its way. */
export async function closes(connection: Connection, ending: Ending, seconds = 10): Promise<void> {
  for (;;) {
    const got = await connection.next(seconds);
    if (isClosed(got)) return demandClose(got, ending, "handshake");
  }
}

/** In an open session: a bye, if one is sent, carries the coarse name, and the close code is that of the error. */
export async function endsSession(peer: Peer, ending: Ending, seconds = 10): Promise<void> {
  for (;;) {
    const got = await peer.next(seconds);
    if (isClosed(got)) return demandClose(got, ending, "session");
    if (got.control && got.claims.top === "bye") {
      demand(got.claims.code === ending[1], `bye with ${JSON.stringify(got.claims.code)} in place of "${ending[1]}"`);
    }
    demand(!isAnswer(got), "it answered a request that it had to refuse, or one behind that");
  }
}

const isAnswer = ({ control, claims }: Opened): boolean => !control && claims.ref !== undefined;

/** A bye without a code, answered by one, and then an end by which the other side tells its error. */
export async function endsAfterBye(peer: Peer, ending: Ending): Promise<void> {
  let byes = 0;
  for (;;) {
    const got = await peer.next();
    if (isClosed(got)) {
      demand(byes === 1, `${byes} byes`);
      return demandClose(got, ending, "after bye");
    }
    demand(byes === 0, "sent something after its bye");
    if (!got.control || got.claims.top !== "bye") continue;
    byes++;
    demand(got.claims.code === undefined, `bye with ${JSON.stringify(got.claims.code)}`);
  }
}

/** Names of claims in the order of the tables (specs/envelope.md, section 5; of control specs/session.md, section 11). */
const CLAIMS = "iss aud bnd seq iat exp top ref req dat bin bat rcv pad".split(" ");
const CONTROL = "seq top code ref rcv".split(" ");

/** Claims that the table does not name can stand anywhere. */
export function demandOrder({ control, claims }: Opened): void {
  const table = control ? CONTROL : CLAIMS;
  const order = Object.keys(claims).filter((name) => table.includes(name));
  const right = table.filter((name) => order.includes(name));
  demand(order.join() === right.join(), `members in the order ${order.join(", ")} in place of ${right.join(", ")}`);
}

/** The session answers `err` about `ref` with one of the codes, and goes on. */
export async function refusesItem(peer: Peer, codes: readonly string[], ref: number): Promise<void> {
  for (;;) {
    const got = await peer.next();
    demand(!isClosed(got), `closed with ${(got as Closed).code} in place of err ${codes.join(" or ")}`);
    const { control, claims } = got;
    demand(!isAnswer(got) || claims.ref !== ref, `it was answered in place of err ${codes.join(" or ")}`);
    if (!control || claims.top !== "err") continue;
    demand(codes.includes(String(claims.code)), `err ${String(claims.code)} in place of ${codes.join(" or ")}`);
    demand(claims.ref === ref, `err about ${JSON.stringify(claims.ref)} in place of ${ref}`);
    return;
  }
}
