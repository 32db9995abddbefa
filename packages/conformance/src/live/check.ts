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

/** The server answers in clear with the coarse name alone, then closes with its code. */
export async function refusesInClear(connection: Connection, ending: Ending, seconds = 10): Promise<void> {
  const first = await connection.next(seconds);
  demand(!isClosed(first), `closed with ${(first as Closed).code} without a sealwire-err`);
  const text = textOf(first);
  const expected = JSON.stringify({ typ: "sealwire-err", code: ending[1] });
  demand(text === expected, `answered ${text.slice(0, 120)} in place of ${expected}`);
  const second = await connection.next(seconds);
  demand(isClosed(second), "sent something after its sealwire-err");
  demandClose(second, ending, "handshake");
}

/** A client says nothing: it closes with the code of its error. */
export async function closes(connection: Connection, ending: Ending, seconds = 10): Promise<void> {
  for (;;) {
    const got = await connection.next(seconds);
    if (isClosed(got)) return demandClose(got, ending, "handshake");
  }
}

/** In an open session: a bye, if one is sent, carries the coarse name, and the close code is that of the error. */
export async function endsSession(peer: Peer, ending: Ending, seconds = 10): Promise<readonly Opened[]> {
  const before: Opened[] = [];
  for (;;) {
    const got = await peer.next(seconds);
    if (isClosed(got)) {
      demandClose(got, ending, "session");
      return before;
    }
    if (got.control && got.claims.top === "bye") {
      demand(got.claims.code === ending[1], `bye with ${JSON.stringify(got.claims.code)} in place of "${ending[1]}"`);
    } else before.push(got);
  }
}

/** The session answers `err` about `ref` with one of the codes, and goes on. */
export async function refusesItem(peer: Peer, codes: readonly string[], ref: number): Promise<void> {
  for (;;) {
    const got = await peer.next();
    demand(!isClosed(got), `closed with ${(got as Closed).code} in place of err ${codes.join(" or ")}`);
    const { control, claims } = got;
    if (!control || claims.top !== "err") continue;
    demand(codes.includes(String(claims.code)), `err ${String(claims.code)} in place of ${codes.join(" or ")}`);
    demand(claims.ref === ref, `err about ${JSON.stringify(claims.ref)} in place of ${ref}`);
    return;
  }
}
