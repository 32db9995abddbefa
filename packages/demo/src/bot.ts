import { type DemoConfig, type DemoSession, openSession } from "./session.ts";
import type { ChatMessage, FileInfo } from "./topics.ts";
import { download } from "./transfer.ts";

/** Waits between attempts to come back, in milliseconds; the last one repeats. */
const BACKOFF = [500, 1000, 2000, 5000, 10000];

export interface Bot {
  close(): Promise<void>;
}

/** A client in Node that greets, answers what is addressed to it, and takes files. It comes back when it is cut off. */
export async function startBot(config: DemoConfig): Promise<Bot> {
  let session: DemoSession | undefined;
  let wake = (): void => {};
  let stopped = false;
  let serial = 0;

  const open = async (): Promise<DemoSession> => {
    // A message may come before the opened session has a name here.
    const opening: Promise<DemoSession> = openSession(config, {
      user: "bot",
      tag: `bot-${++serial}`,
      level: "aead",
      wire: "binary",
      onMessage: (message) => void opening.then((opened) => answer(opened, message)).catch(ended),
      onFile: (info) => void opening.then((opened) => receive(opened, info)).catch(ended),
    });
    const opened = await opening;
    await opened.say("Hello. I am a Node client. Write “@bot …” and I answer; send a file and I check it.");
    return opened;
  };

  const live = async (): Promise<void> => {
    for (let failures = 0; !stopped; ) {
      try {
        session ??= await open();
        if (stopped) await session.close();
        failures = 0;
        await session.closed;
      } catch (error) {
        const wait = BACKOFF[Math.min(failures++, BACKOFF.length - 1)]!;
        console.error(`bot: ${(error as Error).message} Next attempt in ${wait} ms.`);
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, wait);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      session = undefined;
    }
  };

  session = await open();
  const living = live();
  return {
    async close() {
      stopped = true;
      wake();
      await session?.close();
      await living;
    },
  };
}

async function answer(session: DemoSession, { from, text }: ChatMessage): Promise<void> {
  const addressed = /^@bot\b[\s,:]*(.*)$/is.exec(text);
  if (from === "bot" || !addressed) return;
  await session.say(`@${from} You wrote: ${addressed[1] || "nothing"}`);
}

/** The bot reads a file to its end and keeps nothing of it but the hash. */
async function receive(session: DemoSession, info: FileInfo): Promise<void> {
  const { matches, sha256 } = await download(session, info, () => {});
  const verdict = matches ? "and it matches" : "and it does NOT match";
  await session.say(
    `@${info.from} I received ${info.name}, ${info.size} bytes. SHA-256 ${sha256.slice(0, 16)}…, ${verdict}.`,
  );
}

/** A session that ends while the bot answers is opened again by the loop above. */
function ended(): void {}
