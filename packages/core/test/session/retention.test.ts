import { describe, expect, it } from "vitest";
import { DEFAULT_LIMITS } from "../../src/registry.generated.ts";
import { Kept, Retention } from "../../src/session/retention.ts";

const message = (seq: number) => new Kept(seq, undefined, 9, "t", 10);

/** Keeps messages 1 to `count`, each of `size` bytes that tell its number. */
function start(count: number, size: number, resumable = true): Retention {
  const retention = new Retention({ ...DEFAULT_LIMITS, retainedMessages: 5000 }, resumable);
  for (let seq = 1; seq <= count; seq++) {
    const kept = message(seq);
    retention.add(kept);
    retention.hold(kept, new Uint8Array(size).fill(seq));
  }
  return retention;
}

const buffersOf = (retention: Retention) => new Set(retention.all().map(({ claims }) => claims?.buffer));

describe("the claims of what is kept", () => {
  it.each([1, 100, 1000, 4096, 4097, 20_000])("are those that were sealed, of %i bytes each", (size) => {
    for (const { seq, claims } of start(200, size).all()) {
      expect(claims).toHaveLength(size);
      expect(claims?.every((byte) => byte === seq)).toBe(true);
    }
  });

  it("share memory where they are small, and are not copied where they are not", () => {
    expect(buffersOf(start(200, 300)).size).toBeLessThan(10);
    expect(buffersOf(start(3, 300)).size).toBe(1);
    const retention = start(0, 0);
    const claims = new Uint8Array(5000);
    const kept = message(1);
    retention.hold(kept, claims);
    expect(kept.claims?.buffer).toBe(claims.buffer);
  });

  it("hold no more than twice their memory, whatever room they were written into", () => {
    const retention = start(0, 0);
    for (const [seq, room] of [16_384, 9000].entries()) {
      const kept = message(seq);
      retention.add(kept);
      retention.hold(kept, new Uint8Array(room).fill(7).subarray(3, 5003));
    }
    const [large, fits] = retention.all().map(({ claims }) => claims as Uint8Array);
    expect([large, fits]).toEqual([new Uint8Array(5000).fill(7), new Uint8Array(5000).fill(7)]);
    expect([large, fits].map((claims) => claims?.buffer.byteLength)).toEqual([5000, 9000]);
  });

  it("take little memory where little is kept, also after much was", () => {
    const retention = start(200, 300);
    retention.acknowledge(200);
    for (let seq = 201; seq <= 203; seq++) {
      const kept = message(seq);
      retention.add(kept);
      retention.hold(kept, new Uint8Array(300));
    }
    expect([...buffersOf(retention)].map((buffer) => buffer?.byteLength)).toEqual([1024]);
  });

  it("are not kept where nothing is sent again", () => {
    expect(
      start(3, 10, false)
        .all()
        .map(({ claims }) => claims),
    ).toEqual([undefined, undefined, undefined]);
  });
});
