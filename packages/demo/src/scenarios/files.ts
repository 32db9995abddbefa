import { randomBytes } from "node:crypto";
import { type Demo, nodeOptions } from "../demo.ts";
import { openSession } from "../session.ts";
import type { FileInfo } from "../topics.ts";
import { download, type Source, upload } from "../transfer.ts";
import { expectOne, must, type Scenario } from "./types.ts";

export const SIZE: number = 3 * 1024 * 1024 + 17;

export function fileScenarios(): Scenario[] {
  return [
    { title: "3 MB from alice to bob, text wire", run: (demo) => transfer(demo, "text") },
    { title: "3 MB from alice to bob, binary wire", run: (demo) => transfer(demo, "binary") },
    { title: "an aborted file leaves nothing", run: aborted },
    { title: "a session that ends leaves nothing", run: left },
  ];
}

export function source(content: Buffer): Source {
  const slice = async (start: number, end: number): Promise<Uint8Array> => new Uint8Array(content.subarray(start, end));
  return { name: "report.bin", size: content.length, type: "application/octet-stream", slice };
}

async function transfer(demo: Demo, wire: "text" | "binary"): Promise<string> {
  const offered = expectOne<FileInfo>("The offer of the file");
  const alice = await openSession(demo.config, nodeOptions("alice", { wire }));
  const bob = await openSession(demo.config, nodeOptions("bob", { wire, onFile: (info) => offered.take(info) }));
  try {
    await bob.join();
    const content = randomBytes(SIZE);
    const sent = await upload(alice, source(content));
    const info = await offered.value;
    must(info.sha256 === sent.sha256, "Bob was offered another file.");
    const parts: Uint8Array[] = [];
    const { matches, sha256 } = await download(bob, info, (bytes) => void parts.push(bytes));
    must(matches && Buffer.concat(parts).equals(content), "What bob received is not what alice sent.");
    return `SHA-256 ${sha256.slice(0, 16)}… at both ends`;
  } finally {
    await Promise.all([alice.close(), bob.close()]);
  }
}

async function aborted(demo: Demo): Promise<string> {
  const before = await demo.server.files.contents();
  const alice = await openSession(demo.config, nodeOptions("alice"));
  try {
    const control = new AbortController();
    const onProgress = (done: number): void => {
      if (done > SIZE / 2) control.abort();
    };
    const failed = await upload(alice, source(randomBytes(SIZE)), { signal: control.signal, onProgress }).catch(
      (e: Error) => e.name,
    );
    must(failed === "AbortError", `The upload ended with ${JSON.stringify(failed)}.`);
    await nothingMore(demo, before);
    return "no upload and no file more than before";
  } finally {
    await alice.close();
  }
}

async function left(demo: Demo): Promise<string> {
  const before = await demo.server.files.contents();
  const alice = await openSession(demo.config, nodeOptions("alice"));
  const onProgress = (done: number): void => {
    if (done > SIZE / 2) void alice.close();
  };
  const failed = await upload(alice, source(randomBytes(SIZE)), { onProgress }).then(
    () => "nothing",
    (error: { code?: string }) => error.code ?? String(error),
  );
  must(failed === "E_CLOSED", `The upload ended with ${failed}.`);
  await nothingMore(demo, before);
  return "E_CLOSED; no upload and no file more than before";
}

/** The server learns of an end in its own time. */
async function nothingMore(demo: Demo, before: { onDisk: number; files: number }): Promise<void> {
  let now = await demo.server.files.contents();
  for (let tries = 0; tries < 40 && (now.uploads > 0 || now.onDisk > before.onDisk); tries++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    now = await demo.server.files.contents();
  }
  must(
    now.uploads === 0 && now.onDisk === before.onDisk && now.files === before.files,
    `Left behind: ${JSON.stringify(now)}.`,
  );
}
