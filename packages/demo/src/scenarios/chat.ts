import type { Level } from "@sealwire/core";
import type { WireName } from "../attacks/types.ts";
import { type Demo, nodeOptions } from "../demo.ts";
import { openSession } from "../session.ts";
import type { ChatMessage } from "../topics.ts";
import { toText } from "../wire/bytes.ts";
import { expectOne, must, type Scenario } from "./types.ts";

const LEVELS: readonly Level[] = ["aead", "mac", "sig", "nest"];
const WIRES: readonly WireName[] = ["text", "binary"];
const SECRET = "The meeting is at noon, behind the mill.";

export function chatScenarios(): Scenario[] {
  return [
    ...LEVELS.flatMap((level) => WIRES.map((wire) => conversation(level, wire))),
    { title: "two ends name the session alike", run: sameSession },
    { title: "a topic without a scope is denied", run: denied },
  ];
}

function conversation(level: Level, wire: WireName): Scenario {
  return { title: `alice to bob, level ${level}, ${wire} wire`, run: (demo) => converse(demo, level, wire) };
}

async function converse(demo: Demo, level: Level, wire: WireName): Promise<string> {
  const heard = expectOne<ChatMessage>("The message to bob");
  const alice = await openSession(demo.config, nodeOptions("alice", { level, wire }));
  const bob = await openSession(
    demo.config,
    nodeOptions("bob", { level, wire, onMessage: (message) => heard.take(message) }),
  );
  try {
    const { members } = await bob.join();
    must(members.includes("alice") && members.includes("bob"), `Members are ${members.join(", ")}.`);
    await alice.say(SECRET);
    const { from, text } = await heard.value;
    must(from === "alice" && text === SECRET, `Bob heard ${from} say “${text}”.`);
    const seen = relaySaw(demo, alice.tag);
    const hidden = level === "aead" || level === "nest";
    must(
      hidden !== seen,
      hidden ? "The relay could read the message." : "The relay could not read it, though this level does not encrypt.",
    );
    return hidden ? "heard; the relay could not read it" : "heard; authentic, readable on the way as the level says";
  } finally {
    await Promise.all([alice.close(), bob.close()]);
  }
}

/** Whether the text stands in a frame of this connection: as it is, in base64url, or base64url twice over. */
function relaySaw(demo: Demo, tag: string): boolean {
  const frames = demo.relay.find(tag)?.recorder.frames() ?? [];
  must(frames.length > 0, "The relay recorded nothing.");
  return frames.some((frame) => {
    const text = toText(frame.kept);
    const parts = [text, ...text.split(".").map(decode)];
    return [...parts, ...parts.flatMap((p) => p.split(".").map(decode))].some((t) => t.includes(SECRET));
  });
}

function decode(segment: string): string {
  return Buffer.from(segment, "base64url").toString();
}

async function sameSession(demo: Demo): Promise<string> {
  const alice = await openSession(demo.config, nodeOptions("alice"));
  try {
    const ids = [...demo.server.sealwire.sessions].map((s) => s.id);
    must(ids.includes(alice.sessionId), "The server has no session of this name.");
    return `both derive ${alice.sessionId}; it never travels`;
  } finally {
    const { clean } = await alice.close().then(() => alice.closed);
    must(clean, "The farewell was not clean.");
  }
}

async function denied(demo: Demo): Promise<string> {
  const carol = await openSession(demo.config, nodeOptions("carol"));
  try {
    const code = await carol.request("file.begin", { name: "a.txt", size: 1, type: "" }).then(
      () => "granted",
      (error: { code?: string }) => error.code ?? String(error),
    );
    must(code === "E_DENIED", `The answer was ${code}.`);
    must((await carol.join()).you === "carol", "The session did not go on.");
    return "E_DENIED, and the session goes on";
  } finally {
    await carol.close();
  }
}
