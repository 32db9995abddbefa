import { describe, expect, it } from "vitest";
import type { Revocable } from "../src/revocation.ts";
import { RevocationList } from "../src/revocation-list.ts";

const START = 1_900_000_000;

function startList(capacity = 1_000_000) {
  const clock = { seconds: START };
  return { clock, list: new RevocationList(capacity, () => clock.seconds * 1000) };
}

const of = (over: Partial<Revocable> = {}): Revocable => ({
  issuer: "i",
  subject: "alice",
  tokenId: "t",
  thumbprint: "k",
  issuedAt: START,
  expiresAt: START + 600,
  ...over,
});

const kinds = [
  { tokenId: "t" },
  { tokenId: "t", issuer: "i" },
  { subject: "alice", issuedBefore: START + 1 },
  { thumbprint: "k" },
];

describe("what was revoked", () => {
  it.each(kinds)("%j: until it says, or for as long as the server runs", (by) => {
    const { clock, list } = startList();
    list.add({ ...by, until: START + 600 }, []);
    clock.seconds += 599;
    expect(list.has(of())).toBe(true);
    clock.seconds += 1;
    expect(list.has(of())).toBe(false);
    list.add(by, []);
    clock.seconds += 1e8;
    expect(list.has(of())).toBe(true);
  });

  it("of two about the same, the later time of both", () => {
    const { clock, list } = startList();
    expect(list.add({ subject: "alice", issuedBefore: START - 10, until: START + 900 }, [])).toBe(true);
    expect(list.add({ subject: "alice", issuedBefore: START + 1, until: START + 600 }, [])).toBe(true);
    expect(list.add({ subject: "alice", issuedBefore: START, until: START + 700 }, [])).toBe(false);
    clock.seconds += 800;
    expect(list.has(of())).toBe(true);
    expect(list.has(of({ issuedAt: START + 1 }))).toBe(false);
  });

  it("a token by its claims where it has no jti, and no other one", () => {
    const { list } = startList();
    list.add({ session: "s" }, [of({ tokenId: undefined })]);
    expect(list.has(of({ tokenId: undefined }))).toBe(true);
    expect(list.has(of({ tokenId: undefined, expiresAt: START + 601 }))).toBe(false);
    expect(list.has(of())).toBe(false);
  });

  it("100,000 whose end is known, a hundred at a time: no more are kept than twice those and 1,024", () => {
    const { clock, list } = startList();
    let most = 0;
    for (let i = 0; i < 100_000; i++) {
      if (i % 100 === 0) clock.seconds += 60;
      const until = clock.seconds + 60;
      if (i % 4 === 0) list.add({ tokenId: `t${i}`, until }, []);
      else if (i % 4 === 1) list.add({ subject: `s${i}`, issuedBefore: clock.seconds, until }, []);
      else if (i % 4 === 2) list.add({ thumbprint: `k${i}`, until }, []);
      else list.add({ session: `s${i}`, until }, [of({ tokenId: `u${i}`, expiresAt: until })]);
      most = Math.max(most, list.size);
    }
    expect(most).toBeLessThanOrEqual(1024 + 2);
  });

  it("[limit:revocations] what is past makes room; without that, E_QUEUE_FULL, and nothing of it is kept", () => {
    const { clock, list } = startList(2);
    list.add({ tokenId: "a", until: START + 10 }, []);
    list.add({ tokenId: "b" }, []);
    expect(() => list.add({ tokenId: "t" }, [])).toThrow(/E_QUEUE_FULL/);
    expect(list.has(of())).toBe(false);
    clock.seconds += 10;
    list.add({ tokenId: "t" }, []);
    expect(list.has(of())).toBe(true);
    expect(() => list.add({ tokenId: "c" }, [])).toThrow(/E_QUEUE_FULL/);
  });
});
