import type { WebSocket } from "ws";
import { Recorder } from "./recorder.ts";
import type { Direction, Frame, Intervention } from "./types.ts";

/** Above this much unsent data towards one side the relay stops reading from the other. */
const HIGH_WATER = 1024 * 1024;

/** One client's connection through the relay: two sockets and whatever stands between them. */
export class RelayConnection {
  readonly recorder: Recorder = new Recorder();
  readonly #interventions = new Set<Intervention>();
  readonly #sockets: Readonly<Record<Direction, WebSocket>>;
  #open = true;
  #silent = false;

  /** `id` is the relay's own number, `tag` the name by which a page finds its connection again. */
  constructor(
    readonly id: number,
    readonly tag: string,
    client: WebSocket,
    server: WebSocket,
    onClose: () => void,
  ) {
    // A frame that travels c2s leaves through the socket towards the server, and the other way round.
    this.#sockets = { c2s: server, s2c: client };
    this.#pump(client, "c2s");
    this.#pump(server, "s2c");
    const end = (): void => {
      if (!this.#open) return;
      this.#open = false;
      this.#interventions.clear();
      onClose();
    };
    client.once("close", end);
    server.once("close", end);
  }

  get open(): boolean {
    return this.#open;
  }

  get subprotocol(): string {
    return this.#sockets.s2c.protocol;
  }

  /** Puts `intervention` before all others; the result takes it away again. */
  intervene(intervention: Intervention): () => void {
    this.#interventions.add(intervention);
    return () => this.#interventions.delete(intervention);
  }

  /** Sends a frame that its receiver's peer never sent. */
  inject(direction: Direction, frame: Frame): void {
    this.recorder.frame(direction, frame, "injected");
    this.#send(direction, frame);
  }

  /** Ends both TCP connections as a broken network would: no close frame, no farewell. */
  cut(): void {
    this.#sockets.s2c.terminate();
    this.#sockets.c2s.terminate();
  }

  /** From now on nothing passes, and neither side is told: a line that is half open. Only `cut` ends it. */
  hush(): void {
    this.#silent = true;
  }

  /** Sends the client a close frame that the server never sent. Close frames are plaintext: any proxy can do this. */
  forgeClose(code: number, reason: string): void {
    this.recorder.close("s2c", code, reason, "injected");
    this.#sockets.s2c.close(code, reason);
    this.#sockets.c2s.terminate();
  }

  #pump(from: WebSocket, direction: Direction): void {
    from.on("message", (data: Buffer, binary: boolean) => {
      const frame: Frame = { data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength), binary };
      const outcome = this.#decide(direction, frame);
      this.#record(direction, frame, outcome);
      for (const out of outcome) this.#send(direction, out, from);
    });
    from.on("close", (code, reason) => this.#passClose(direction, code, reason.toString()));
    // ws reports protocol errors here and closes by itself; unhandled they would end the process.
    from.on("error", () => from.terminate());
  }

  #decide(direction: Direction, frame: Frame): readonly Frame[] {
    if (this.#silent) return [];
    for (const intervention of [...this.#interventions].reverse()) {
      const instead = intervention(direction, frame);
      if (instead !== undefined) return instead;
    }
    return [frame];
  }

  #record(direction: Direction, original: Frame, outcome: readonly Frame[]): void {
    if (outcome.length === 0) this.recorder.frame(direction, original, "dropped");
    // The first copy of the original is the original; a frame alone in its place is a change of it.
    const at = outcome.findIndex((frame) => frame === original || equal(frame.data, original.data));
    outcome.forEach((frame, i) => {
      const fate = i === at ? "forwarded" : at === -1 && outcome.length === 1 ? "changed" : "injected";
      this.recorder.frame(direction, frame, fate);
    });
  }

  #send(direction: Direction, frame: Frame, source?: WebSocket): void {
    const to = this.#sockets[direction];
    if (to.readyState !== to.OPEN) return;
    to.send(frame.data, { binary: frame.binary }, () => {
      if (source?.isPaused && to.bufferedAmount < HIGH_WATER / 2) source.resume();
    });
    if (source && to.bufferedAmount > HIGH_WATER) source.pause();
  }

  #passClose(direction: Direction, code: number, reason: string): void {
    if (this.#silent) return;
    const to = this.#sockets[direction];
    // 1005 and 1006 say that there was no close frame; they cannot be sent, and 1006 is passed on as what it is: a cut.
    if (code === 1006) to.terminate();
    else if (to.readyState === to.OPEN) {
      this.recorder.close(direction, code, reason, "forwarded");
      if (code === 1005) to.close();
      else to.close(code, reason);
    }
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
