import { randomBytes } from "node:crypto";
import type { Demo } from "../demo.ts";
import { nodeOptions } from "../demo.ts";
import { OPERATIONS } from "../operator.ts";
import { type DemoSession, openSession, type SessionOptions } from "../session.ts";
import type { FileInfo } from "../topics.ts";
import { download, upload } from "../transfer.ts";
import { SIZE, source } from "./files.ts";
import { expectOne, must, type Scenario, until } from "./types.ts";

/** So short that every client refreshes within seconds; not in the second of the token, of which the end would be the same. */
export const TOKEN_SECONDS = 5;

export function lifeScenarios(): Scenario[] {
  return [
    { title: "a token is refreshed before it expires", run: refreshed },
    { title: "a role is taken away live", run: narrowed },
    { title: "keys are renewed during a transfer", run: rekeyed },
    { title: "unplugged during a transfer: cut", run: (demo) => unplugged(demo, "cut") },
    { title: "unplugged during a transfer: silence", run: (demo) => unplugged(demo, "silent") },
    { title: "server restarted during a transfer", run: restarted },
    { title: "a revoked user is cut off and kept out", run: revoked },
  ];
}

const operate = (demo: Demo, name: string, body: Record<string, unknown> = {}): Promise<void> =>
  OPERATIONS[name]!(demo, body);

/** Alice and bob, for as long as `work` takes. */
async function between<T>(
  demo: Demo,
  options: { alice?: Partial<SessionOptions>; bob?: Partial<SessionOptions> },
  work: (alice: DemoSession, bob: DemoSession) => Promise<T>,
): Promise<T> {
  const alice = await openSession(demo.config, nodeOptions("alice", { wire: "binary", ...options.alice }));
  const bob = await openSession(demo.config, nodeOptions("bob", options.bob));
  try {
    await bob.join();
    return await work(alice, bob);
  } finally {
    await Promise.all([alice.close(), bob.close()]);
  }
}

async function refreshed(demo: Demo): Promise<string> {
  return between(demo, {}, async (alice, bob) => {
    const [first, { sessionId }] = [alice.expiresAt.getTime(), alice];
    await until("The end of the first token", () => Date.now() > first + 200);
    must((await alice.join()).members.includes("bob"), "Bob is gone.");
    must(alice.sessionId === sessionId && alice.history.replaced === 0, "It is not the session of the first token.");
    must(alice.history.tokens > 1 && bob.history.tokens > 1, "Nobody asked for another token.");
    return `the session is older than its first token; it is at its ${ordinal(alice.history.tokens)} one`;
  });
}

async function narrowed(demo: Demo): Promise<string> {
  const offer = { name: "a.txt", size: 1, type: "" };
  return between(demo, {}, async (alice) => {
    const begin = (): Promise<string> =>
      alice.request("file.begin", offer).then(
        async (begun) => {
          await alice.request("file.abort", begun);
          return "granted";
        },
        (error: { code?: string }) => error.code ?? String(error),
      );
    must((await begin()) === "granted", "Alice had no right to send files.");
    const change = async (on: boolean): Promise<string> => {
      const before = alice.expiresAt.getTime();
      await operate(demo, "role", { user: "alice", role: "files", on });
      await until("The next token of alice", () => alice.expiresAt.getTime() > before);
      return begin();
    };
    const without = await change(false);
    must(without === "E_DENIED", `Without the role the answer was ${without}.`);
    must((await alice.join()).you === "alice", "The session did not go on.");
    const again = await change(true);
    must(again === "granted" && alice.history.replaced === 0, `With the role again the answer was ${again}.`);
    return "E_DENIED after the next refresh, granted again after another, in one session";
  });
}

async function rekeyed(demo: Demo): Promise<string> {
  let renewed = 0;
  return transfer(demo, (alice, done) => {
    // One at a time: a proposal while another is under way is not made.
    if (done / SIZE < (renewed + 1) / 5 || alice.epochs.send < renewed) return;
    renewed += 1;
    alice.rekey();
  }).then(async ({ alice, sha256 }) => {
    must(alice.epochs.send >= 2, `The keys are those of epoch ${alice.epochs.send}.`);
    must(alice.history.resumed + alice.history.replaced === 0, "The connection was lost.");
    return `epoch ${alice.epochs.send}; SHA-256 ${sha256.slice(0, 16)}… at both ends`;
  });
}

async function unplugged(demo: Demo, how: "cut" | "silent"): Promise<string> {
  const heard: string[] = [];
  const said = Array.from({ length: 20 }, (_, i) => `${how} ${i}`);
  let pulled = false;
  const { alice, sha256 } = await transfer(
    demo,
    (session, done) => {
      if (pulled || done < SIZE / 3) return;
      pulled = true;
      // Half of it is under way when the cable is pulled, the other half is said without a connection.
      for (const text of said.slice(0, 10)) void session.say(text);
      void operate(demo, "unplug", { how });
      for (const text of said.slice(10)) void session.say(text);
      setTimeout(() => void operate(demo, "plug"), 500);
    },
    (text) => heard.push(text),
  );
  await until("The last message", () => heard.includes(said.at(-1)!));
  must(heard.join() === said.join(), `Bob heard ${heard.length} messages: ${heard.join(", ")}.`);
  must(alice.history.resumed > 0 && alice.history.replaced === 0, "The session was not resumed.");
  must(alice.undetermined.length === 0, `${alice.undetermined.length} messages are undetermined.`);
  return `session resumed; ${said.length} messages once each, in order; SHA-256 ${sha256.slice(0, 16)}… at both ends`;
}

async function restarted(demo: Demo): Promise<string> {
  const { starts } = demo.server;
  let asked: Promise<void> | undefined;
  const { alice, sha256 } = await transfer(demo, (_, done) => {
    if (done > SIZE / 3) asked ??= operate(demo, "restart");
  });
  await asked;
  must(demo.server.starts === starts + 1, "The server was not restarted.");
  must(alice.history.resumed > 0, "Alice did not notice.");
  must(alice.history.replaced === 0, "The session was not resumed at the new server.");
  return `session resumed at the new server; SHA-256 ${sha256.slice(0, 16)}… at both ends`;
}

/** Sends a file from alice to bob, and lets `during` happen on the way. */
async function transfer(
  demo: Demo,
  during: (alice: DemoSession, done: number) => void,
  onText: (text: string) => void = () => {},
): Promise<{ alice: DemoSession; sha256: string }> {
  const offered = expectOne<FileInfo>("The offer of the file", 15_000);
  const bobs: Partial<SessionOptions> = {
    onFile: (info) => offered.take(info),
    onMessage: ({ from, text }) => from === "alice" && onText(text),
  };
  return between(demo, { bob: bobs }, async (alice, bob) => {
    const content = randomBytes(SIZE);
    const sent = await upload(alice, source(content), { onProgress: (done) => during(alice, done) });
    // Where bob was not there in time, he would be told of the file no more: what counts is that he can fetch it.
    const info = (await Promise.race([offered.value, settle(bob)])) ?? sent;
    const parts: Uint8Array[] = [];
    const { matches, sha256 } = await download(bob, info, (bytes) => void parts.push(bytes));
    must(matches && Buffer.concat(parts).equals(content), "What bob received is not what alice sent.");
    must(sha256 === sent.sha256, "Bob was offered another file.");
    return { alice, sha256 };
  });
}

async function settle(bob: DemoSession): Promise<undefined> {
  await bob.ready();
  await bob.join();
  return undefined;
}

async function revoked(demo: Demo): Promise<string> {
  return between(demo, {}, async (alice, bob) => {
    const since = demo.server.refused;
    await operate(demo, "bar", { user: "bob" });
    const { code, closeCode } = await bob.closed;
    must(code === "E_REVOKED" && closeCode === 4403, `Bob's session ended with ${code}, ${closeCode}.`);
    must(
      demo.server.refusals(since).some((r) => r.code === "E_REVOKED"),
      "The server did not say why.",
    );
    const fresh = await openSession(demo.config, nodeOptions("bob")).then(
      () => "a session",
      (error: Error) => error.message,
    );
    must(fresh === "The issuer gives bob no token.", `Signing in again gave ${fresh}`);
    const old = await openSession(demo.config, nodeOptions("bob", { token: bob.history.token })).then(
      () => "a session",
      (error: { code?: string }) => error.code ?? String(error),
    );
    must(old === "E_AUTH_REQUIRED", `The old token gave ${old}.`);
    must(
      (await alice.join()).members.every((name) => name !== "bob"),
      "Bob is still there.",
    );
    await operate(demo, "admit", { user: "bob" });
    return "E_REVOKED, close 4403; no new token, and the old one opens nothing; the others go on";
  });
}

function ordinal(n: number): string {
  return { 2: "2nd", 3: "3rd" }[n] ?? `${n}th`;
}
