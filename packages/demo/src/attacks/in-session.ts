import type { RelayConnection } from "../relay/connection.ts";
import type { Frame } from "../relay/types.ts";
import { captured, flipBit, nextSeq, onceOn, withSeq } from "./frames.ts";
import type { SessionAttack } from "./types.ts";

/** Attacks on a session that stands. The victim's next message is the one that is hit. */
export const SESSION_ATTACKS: readonly SessionAttack[] = [
  {
    id: "tamper",
    title: "Tamper",
    what: "Flips one bit in the sealed part of the client's next message.",
    on: "session",
    sends: 1,
    delivered: 0,
    expect: { side: "server", code: "E_CRYPTO", closeCode: 4501 },
    arm: (c) => onceOn(c, "c2s", ["message"], (frame) => [flipBit(frame)]),
  },
  {
    id: "tamper-reply",
    title: "Tamper with the answer",
    what: "Flips one bit in the next message that the server sends to the client.",
    on: "session",
    sends: 1,
    delivered: 1,
    expect: { side: "client", code: "E_CRYPTO", closeCode: 4501 },
    arm: (c) => onceOn(c, "s2c", ["message"], (frame) => [flipBit(frame)]),
  },
  {
    id: "replay",
    title: "Replay",
    what: "Delivers the client's next message, then the same bytes once more.",
    on: "session",
    sends: 1,
    delivered: 1,
    expect: { side: "server", code: "E_REPLAY", closeCode: 4502 },
    arm: (c) => onceOn(c, "c2s", ["message"], (frame) => [frame, { ...frame }]),
  },
  {
    id: "drop",
    title: "Drop",
    what: "Swallows one message of the client and lets the following one through.",
    on: "session",
    sends: 2,
    delivered: 0,
    expect: { side: "server", code: "E_SEQ", closeCode: 4502 },
    arm: (c) => onceOn(c, "c2s", ["message"], () => []),
  },
  {
    id: "reorder",
    title: "Reorder",
    what: "Holds one message of the client back and delivers it after the next one.",
    on: "session",
    sends: 2,
    delivered: 0,
    expect: { side: "server", code: "E_SEQ", closeCode: 4502 },
    arm(c) {
      onceOn(c, "c2s", ["message"], (held) => {
        onceOn(c, "c2s", ["message"], (next) => [next, held]);
        return [];
      });
    },
  },
  {
    id: "reflect",
    title: "Reflect",
    what: "Sends the client's own message back to it, numbered as the one it waits for.",
    on: "session",
    sends: 1,
    delivered: 1,
    // The text wire names the direction's key in the header; a short binary frame fails at the direction's key itself.
    expect: {
      text: { side: "client", code: "E_HEADER", closeCode: 4400 },
      binary: { side: "client", code: "E_CRYPTO", closeCode: 4501 },
    },
    arm(c) {
      onceOn(c, "c2s", ["message"], (frame) => {
        c.inject("s2c", withSeq(frame, nextSeq(c, "s2c")));
        return [frame];
      });
    },
  },
  {
    id: "swap",
    title: "Swap sessions",
    what: "Injects a sealed message of another live session into this one.",
    on: "session",
    sends: 0,
    delivered: 0,
    needsOther: true,
    expect: {
      text: { side: "server", code: "E_HEADER", closeCode: 4400 },
      binary: { side: "server", code: "E_CRYPTO", closeCode: 4501 },
    },
    arm(c, { other }) {
      const foreign = other && captured(other, "c2s", "message");
      if (!foreign)
        throw new RangeError(
          "The relay has no message of another session to inject; let another user say something first.",
        );
      c.inject("c2s", withSeq(foreign, nextSeq(c, "c2s")));
    },
  },
  {
    id: "truncate",
    title: "Truncate a message",
    what: "Cuts the last bytes off the client's next message.",
    on: "session",
    sends: 1,
    delivered: 0,
    expect: {
      text: { side: "server", code: "E_MALFORMED", closeCode: 4400 },
      binary: { side: "server", code: "E_CBOR", closeCode: 4400 },
    },
    arm: (c) => onceOn(c, "c2s", ["message"], (frame) => [cutEnd(frame)]),
  },
  {
    id: "cut",
    title: "Cut the connection",
    what: "Ends TCP in the middle of the client's next message, without the sealed farewell.",
    on: "session",
    sends: 1,
    delivered: 1,
    expect: { side: "client", code: "E_TRUNCATED" },
    arm: (c) => swallowAnd(c, () => c.cut()),
  },
  {
    id: "forged-close",
    title: "Forge a close code",
    what: "Swallows the client's next message, and sends a plaintext close 4403 “revoked” that the server never sent.",
    on: "session",
    sends: 1,
    delivered: 1,
    // Not believed: it counts as an end without farewell, and the client neither logs out nor drops anything.
    expect: { side: "client", code: "E_TRUNCATED" },
    arm: (c) => swallowAnd(c, () => c.forgeClose(4403, "revoked")),
  },
];

/** The message is lost on the way, and its connection with it. */
function swallowAnd(c: RelayConnection, end: () => void): void {
  onceOn(c, "c2s", ["message"], () => {
    end();
    return [];
  });
}

/** Text: the whole last segment, so that what remains is still well-formed base64url. Binary: five bytes. */
function cutEnd(frame: Frame): Frame {
  if (frame.binary) return { ...frame, data: frame.data.slice(0, -5) };
  const dot = frame.data.lastIndexOf(0x2e);
  return { ...frame, data: frame.data.slice(0, dot) };
}
