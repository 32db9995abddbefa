import { createHash, randomBytes } from "node:crypto";
import type { Principal } from "@sealwire/server";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Accounts } from "../src/accounts.ts";
import { FileStore } from "../src/files.ts";
import { authorize } from "../src/policy.ts";
import { Sha256 } from "../src/sha256.ts";
import { CHUNK_BYTES, packChunk, unpackChunk } from "../src/topics.ts";
import { hexDump, toBytes } from "../src/wire/bytes.ts";
import { readClaims } from "../src/wire/cbor-claims.ts";
import { viewFrame } from "../src/wire-view.ts";

test("streaming SHA-256 equals the one of Node, however the input is cut", () => {
  for (const size of [0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 1000, 300_001]) {
    const data = randomBytes(size);
    const hash = new Sha256();
    for (let at = 0; at < size; at += 1 + (at % 97)) hash.update(data.subarray(at, at + 1 + (at % 97)));
    expect(hash.hex()).toBe(createHash("sha256").update(data).digest("hex"));
  }
});

describe("accounts", () => {
  test("give what the account has now to the next token, and nothing to a stranger or a revoked user", () => {
    const accounts = new Accounts();
    expect(accounts.account("alice")).toEqual({ scopes: [], claims: { roles: ["chat.write", "files"] } });
    accounts.setRole("alice", "files", false);
    expect(accounts.account("alice")?.claims).toEqual({ roles: ["chat.write"] });
    accounts.setRole("alice", "files", true);
    accounts.setRole("alice", "files", true);
    expect(accounts.account("alice")?.claims).toEqual({ roles: ["chat.write", "files"] });
    accounts.bar("alice", true);
    for (const user of ["alice", "mallory", "constructor"]) expect(accounts.account(user)).toBeUndefined();
    accounts.bar("alice", false);
    expect(accounts.account("alice")).toBeDefined();
    expect(() => accounts.setRole("mallory", "files", true)).toThrow('There is no user "mallory"');
    expect(() => accounts.setRole("alice", "admin", true)).toThrow('There is no role "admin"');
  });

  test.each([
    ["chat.join", "in", [], true],
    ["chat.say", "in", ["chat.write"], true],
    ["chat.say", "in", ["files"], false],
    ["chat.say", "out", ["chat.write"], false],
    ["chat.msg", "out", [], true],
    ["chat.msg", "in", [], false],
    ["file.begin", "in", ["files"], true],
    ["file.ready", "out", ["chat.write"], false],
    ["file", "in", ["files"], false],
    ["other", "in", ["files", "chat.write"], false],
  ] as const)("%s, %s, with roles %j: %s", async (topic, direction, roles, granted) => {
    const principal = { claims: { roles }, subject: "alice", scopes: new Set() } as unknown as Principal;
    expect(await authorize({ principal, topic, direction, kind: "message", data: null })).toBe(granted);
  });
});

describe("chunks", () => {
  test("a chunk survives packing, at any offset of its buffer", () => {
    const bytes = randomBytes(1000);
    const packed = packChunk(0xdeadbeef, 7, bytes);
    const shifted = Buffer.concat([Buffer.alloc(3), packed]).subarray(3);
    const unpacked = unpackChunk(shifted);
    expect(unpacked).toMatchObject({ id: 0xdeadbeef, index: 7 });
    expect(bytes.equals(unpacked.bytes)).toBe(true);
    expect(() => unpackChunk(new Uint8Array(8))).toThrow(RangeError);
  });
});

describe("wire view", () => {
  const text = (t: string) => viewFrame({ data: toBytes(t), binary: false });
  const b64 = (v: unknown) => Buffer.from(JSON.stringify(v)).toString("base64url");

  test("names compact objects by their typ and shows headers, not secrets", () => {
    const view = text(`${b64({ alg: "dir", enc: "A256GCM", kid: "k", typ: "sealwire+jwt" })}..aXY.Y3Q.dGFn`);
    expect(view.kind).toBe("message");
    expect(view.parts.map((p) => p.name)).toEqual(["header", "key", "iv", "ciphertext", "tag"]);
    expect(view.parts[0]?.readable).toContain('"A256GCM"');
    expect(view.parts[3]).toMatchObject({ sealed: expect.stringContaining("key") });
    expect(text('{"typ":"sealwire-ch","v":1}').kind).toBe("CH");
    expect(text('{"typ":"sealwire-err","code":"crypto"}').kind).toBe("error");
  });

  test("reads the short binary forms as far as a proxy can", () => {
    const view = viewFrame({ data: Uint8Array.of(0x84, 3, 2, 0x18, 200, 0x42, 1, 2), binary: true });
    expect(view).toMatchObject({ kind: "message", short: true });
    expect(view.parts.map((p) => p.raw)).toEqual(["3", "2", "200", "AQI"]);
    expect(view.parts[1]?.readable).toContain("epoch 1");
    expect(viewFrame({ data: Uint8Array.of(0x84, 3, 1, 5, 0x40), binary: true }).kind).toBe("control");
  });

  test("takes any bytes without throwing", () => {
    for (let i = 0; i < 3000; i++) {
      const data = randomBytes(i % 60);
      if (i % 3 === 0 && data.length > 1) data.set([0x84, i % 6]);
      for (const binary of [true, false]) expect(viewFrame({ data, binary }).kind).toBeTypeOf("string");
    }
    for (const t of [
      "",
      ".",
      "....",
      "eyJ0eXAiOjF9.x.y",
      "{",
      "[]",
      `${b64({ typ: "toString" })}..`,
      `${b64(null)}.a.b`,
    ]) {
      expect(text(t).kind).toMatch(/unknown/);
    }
  });

  test("dumps hex with offsets and printable characters", () => {
    expect(hexDump(toBytes("Sealwire \u0000 frames"))).toBe(
      "0000  53 65 61 6c 77 69 72 65  20 00 20 66 72 61 6d 65  Sealwire · frame\n0010  73                                                s",
    );
  });

  test("reads CBOR claims for display", () => {
    const claims = Uint8Array.from(Buffer.from("a36373657101636578701a70dbd8806364617443010203", "hex"));
    expect(readClaims(claims)).toEqual({ seq: 1, exp: 1893456000, dat: "(3 bytes: 010203)" });
  });
});

describe("file store", () => {
  let store: FileStore | undefined;
  afterEach(async () => {
    vi.useRealTimers();
    await store?.close();
  });
  const offer = { name: "../../etc/passwd", size: 5, type: "text/plain" };
  const owner = { session: "s1", user: "alice" };
  const later = { session: "s2", user: "alice" };
  const hello = createHash("sha256").update("hello").digest("hex");

  test("keeps a whole file under a name of its own and hands it out in chunks", async () => {
    store = await FileStore.create();
    const { id } = await store.begin(owner, offer);
    await store.chunk(owner, id, 0, toBytes("hello"));
    const { info, fresh } = await store.end(owner, id, hello);
    expect(fresh).toBe(true);
    expect(Buffer.from(await store.get(info.id, 0)).toString()).toBe("hello");
    await expect(store.get(info.id, 1)).rejects.toThrow("no such chunk");
    expect(await store.contents()).toEqual({ onDisk: 1, files: 1, uploads: 0 });
  });

  test("discards a file with another hash or length, an aborted one, and those of a session that ended", async () => {
    store = await FileStore.create();
    const a = await store.begin(owner, offer);
    await store.chunk(owner, a.id, 0, toBytes("hello"));
    await expect(store.end(owner, a.id, "00")).rejects.toThrow("discarded");
    const b = await store.begin(owner, offer);
    await store.abort(owner, b.id);
    await store.begin(owner, offer);
    const late = expect(store.begin(owner, offer)).rejects.toThrow("ended");
    await store.drop(owner.session);
    await late;
    expect(await store.contents()).toEqual({ onDisk: 0, files: 0, uploads: 0 });
  });

  test("the user continues an upload in another session, and the one before has it no more", async () => {
    store = await FileStore.create();
    const { id } = await store.begin(owner, { ...offer, size: CHUNK_BYTES + 5 });
    await store.chunk(owner, id, 0, new Uint8Array(CHUNK_BYTES));
    store.forsake(owner.session);
    await expect(store.continue({ ...later, user: "bob" }, id)).rejects.toThrow("no such upload");
    expect(await store.continue(later, id)).toEqual({ next: 1 });
    await expect(store.chunk(owner, id, 1, toBytes("hello"))).rejects.toThrow("no such upload");
    await store.drop(owner.session);
    await store.chunk(later, id, 1, toBytes("hello"));
    const sha256 = createHash("sha256").update(new Uint8Array(CHUNK_BYTES)).update("hello").digest("hex");
    const { info } = await store.end(later, id, sha256);
    // The answer was lost, and the client asks again.
    expect(await store.continue(later, id)).toEqual({ next: 2 });
    expect(await store.end(later, id, sha256)).toEqual({ info, fresh: false });
  });

  test("an upload that nobody comes back to is discarded", async () => {
    store = await FileStore.create();
    const { id } = await store.begin(owner, offer);
    const kept = await store.begin(owner, offer);
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    store.forsake(owner.session);
    await store.continue(later, kept.id);
    vi.advanceTimersByTime(60_000);
    vi.useRealTimers();
    await expect(store.continue(later, id)).rejects.toThrow("no such upload");
    expect(await store.continue(later, kept.id)).toEqual({ next: 0 });
  });

  test("refuses what was not announced, not in order, or belongs to another session", async () => {
    store = await FileStore.create();
    const { id } = await store.begin(owner, { ...offer, size: CHUNK_BYTES * 2 });
    await expect(store.chunk(owner, id, 1, new Uint8Array(1))).rejects.toThrow("Chunk 0 is due");
    await expect(store.chunk(owner, id, 0, new Uint8Array(CHUNK_BYTES + 1))).rejects.toThrow("announced");
    await expect(store.chunk(later, id, 0, new Uint8Array(1))).rejects.toThrow("no such upload");
    for (const size of [0, -1, 1.5, 51 * 1024 * 1024, Number.NaN]) {
      await expect(store.begin(owner, { ...offer, size })).rejects.toThrow(RangeError);
    }
    await store.begin(owner, offer);
    await expect(store.begin(owner, offer)).rejects.toThrow("At most 2 uploads");
  });
});
