import { expect } from "vitest";
import type { Payload } from "../../src/envelope/sealer.ts";
import type { Attachment } from "../../src/session/attachment.ts";
import type { LiveSession } from "../../src/session/live.ts";
import { decodeFrame } from "../../src/wire/frame.ts";
import { settle } from "./clock.ts";
import type { Edge } from "./interleavings.ts";
import type { Direction } from "./link.ts";
import { type Live, live, ROLES, released } from "./live.ts";
import { sessionOf } from "./reconnect.ts";
import { type FrameView, other, type RekeyEvent, type RekeyView } from "./rekey-model.ts";

const SIDES = [0, 1] as const;
const TO: readonly [Direction, Direction] = ["s2c", "c2s"];
const MANY = 1e9;

interface Flying {
  readonly payload: Payload;
  readonly epoch: number;
  readonly control: boolean;
  readonly seq: number;
  /** What the application sent in it. */
  data?: number;
}

/** What follows from one event has happened. WebCrypto answers later and on other threads. */
async function quiet(): Promise<void> {
  if (process.env.SEALWIRE_BACKEND === "webcrypto") return settle(1);
  for (let i = 0; i < 10; i++) await undefined;
}

/** Two real sessions that go where a walk through a model leads, and are compared with it after each step. */
export class RekeyWalker<S> {
  readonly #pair: Live;
  readonly #ends: readonly [LiveSession, LiveSession];
  readonly #view: (state: S) => RekeyView;
  /** On the way to each end. */
  readonly #flying: readonly [Flying[], Flying[]] = [[], []];
  readonly #got: readonly [unknown[], unknown[]] = [[], []];
  /** Where this walk begins: the model counts from 0. */
  readonly #numbers: [number, number] = [0, 0];
  #epoch = 0;
  #sent = 0;

  private constructor(pair: Live, view: (state: S) => RekeyView) {
    this.#pair = pair;
    this.#view = view;
    this.#ends = [sessionOf(pair, "client"), sessionOf(pair, "server")];
    for (const side of SIDES) this.#ends[side].handle("t", (data) => void this.#got[side].push(data));
    pair.link.tap = (direction, payload) => {
      const frame = decodeFrame(payload as Uint8Array) as { h: number; seq: number };
      const { h, seq } = frame;
      this.#flying[direction === "s2c" ? 0 : 1].push({ payload, epoch: h >> 1, control: h % 2 === 1, seq });
      return [];
    };
  }

  /** `window`: its size; undefined is strict order. */
  static async open<S>(view: (state: S) => RekeyView, window?: number): Promise<RekeyWalker<S>> {
    const order = window === undefined ? {} : { client: { order: "window" }, server: { order: "window" } };
    const pair = await live({
      ...(order as object),
      limits: {
        controlBurst: MANY,
        itemsBurst: MANY,
        itemsPerSecond: MANY,
        bytesPerSecond: MANY,
        replayDrops: MANY,
        ...(window === undefined ? {} : { replayWindow: window }),
      },
      serverHooks: { authorize: () => true, trace: () => {} },
      clientHooks: { trace: () => {} },
    });
    return new RekeyWalker(pair, view);
  }

  /** Goes along a walk that ends at rest: the next one can begin there. */
  async walk(edges: readonly Edge<RekeyEvent, S>[]): Promise<void> {
    for (const [i, { event, to }] of edges.entries()) {
      const said = await this.#step(event);
      const differences = [...said, ...this.#differences(this.#view(to.state))];
      if (differences.length > 0) {
        const way = edges.slice(0, i + 1).map((edge) => describe(edge.event));
        expect(differences, `after ${way.join(", ")}`).toEqual([]);
      }
    }
    for (const side of SIDES) {
      const { committed } = this.#ends[side].life.ledger;
      this.#numbers[side] = Math.max(committed, this.#ends[other(side)].life.ledger.sent);
    }
    this.#epoch = this.#ends[0].epochs.send;
  }

  async #step({ side, does, seq, delivers }: RekeyEvent): Promise<string[]> {
    const before = this.#got[side].length;
    let expected: unknown[] = [];
    let passedOver = 0;
    if (does === "proposes") this.#ends[side].rekey();
    else if (does === "sends") void this.#ends[side].send("t", ++this.#sent);
    else {
      const frames = this.#flying[side];
      const i = seq === undefined ? 0 : frames.findIndex((frame) => frame.seq === this.#numbers[side] + seq);
      const [frame] = frames.splice(i, 1);
      if (i < 0 || frame === undefined) return [`no frame ${seq}`];
      if (does === "gets") this.#pair.link.inject(TO[side], frame.payload);
      if (delivers) expected = [frame.data];
      passedOver = does === "gets" && !delivers && !frame.control ? 1 : 0;
    }
    await quiet();
    const newest = this.#flying[other(side)].at(-1);
    if (does === "sends" && newest !== undefined) newest.data = this.#sent;
    const got = this.#got[side].splice(before);
    const errors = ROLES.flatMap((role) => this.#pair.errors[role].splice(0));
    return [
      ...(got.join() === expected.join() && this.#got[other(side)].length === 0 ? [] : [`got ${got}, not ${expected}`]),
      ...(errors.length === passedOver ? [] : errors.map(String)),
    ];
  }

  /** Between the sessions and the model. */
  #differences({ ends, frames }: RekeyView): string[] {
    const found: string[] = [];
    for (const side of SIDES) {
      const session = this.#ends[side];
      const { send, receive } = session.epochs;
      const attachment = session.receiver as Attachment | undefined;
      if (session.state !== "open" || attachment === undefined) return [`the ${ROLES[side]} is over`];
      const { rekeying, isRekeying } = attachment.machine;
      const real = [send - this.#epoch, receive - this.#epoch, rekeying.proposing, isRekeying].join();
      const model = ends[side];
      const wanted = [model.send, model.receive, model.proposing, model.underWay].join();
      if (real !== wanted) found.push(`${ROLES[side]} is ${real}, not ${wanted}`);
      const flying = this.#flying[side].map(({ epoch, control }): FrameView => [epoch - this.#epoch, control]);
      if (flying.join() !== frames[side].join())
        found.push(`to the ${ROLES[side]} fly ${flying}, not ${frames[side].join()}`);
    }
    return found;
  }

  /** Says bye in order: both ends have the same keys and miss nothing. */
  async close(): Promise<void> {
    this.#pair.link.tap = (_, payload) => [payload];
    const ended = await this.#ends[0].close();
    expect(ended).toMatchObject({ code: 1000, clean: true, truncated: false });
    await released(this.#pair);
  }
}

const describe = ({ side, does, seq }: RekeyEvent): string =>
  `${ROLES[side]} ${does}${seq === undefined ? "" : ` ${seq}`}`;
