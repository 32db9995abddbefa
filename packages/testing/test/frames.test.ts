import fc from "fast-check";
import { expect, it } from "vitest";
import * as ws from "ws";
import { type FrameSpan, FrameTracker } from "../src/frames.ts";

type Frame = (data: Buffer, options: object) => Buffer[];

/** The bytes that `ws` itself sends for a frame. */
const bytesOf = (length: number, mask: boolean): Buffer =>
  Buffer.concat(
    (ws as unknown as { Sender: { frame: Frame } }).Sender.frame(Buffer.alloc(length, 13), {
      fin: true,
      rsv1: false,
      opcode: 2,
      mask,
      readOnly: false,
    }),
  );

const HEAD = Buffer.from("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n");

it("finds the frames of ws, whatever pieces the bytes come in", () => {
  const lengths = fc.oneof(fc.integer({ min: 0, max: 200 }), fc.constantFrom(125, 126, 127, 65_535, 65_536, 70_000));
  const frames = fc.array(fc.record({ length: lengths, mask: fc.boolean() }), { maxLength: 6 });
  const pieces = fc.array(fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5000 })), {
    minLength: 1,
    maxLength: 20,
  });
  fc.assert(
    fc.property(frames, pieces, (list, sizes) => {
      const expected: FrameSpan[] = [];
      let stream = HEAD;
      for (const { length, mask } of list) {
        const start = stream.length;
        stream = Buffer.concat([stream, bytesOf(length, mask)]);
        expected.push({ start, end: stream.length });
      }
      const tracker = new FrameTracker();
      for (let at = 0, i = 0; at < stream.length; i++) {
        const size = sizes[i % sizes.length] as number;
        tracker.feed(stream.subarray(at, at + size));
        at += size;
      }
      expect(tracker.frames).toEqual(expected);
    }),
    { numRuns: 200 },
  );
});

it("knows where a frame ends as soon as its header is there", () => {
  const tracker = new FrameTracker();
  const frame = bytesOf(300, true);
  tracker.feed(HEAD);
  tracker.feed(frame.subarray(0, 3));
  expect(tracker.frames).toEqual([]);
  tracker.feed(frame.subarray(3, 4));
  expect(tracker.frames).toEqual([{ start: HEAD.length, end: HEAD.length + frame.length }]);
});
