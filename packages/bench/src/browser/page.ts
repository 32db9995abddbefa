// What runs in a browser: the micro table on its WebCrypto, and messages through sessions with several in flight.
import type { Data } from "@sealwire/core";
import { aeadKey, macKey } from "@sealwire/core/internal/webcrypto";
import { bytesOf, objectOf } from "../data.ts";
import { joseEncrypt, joseSign } from "../micro/jose.ts";
import type { MicroTable } from "../micro/run.ts";
import { type MessageKeys, sealwire, settings } from "../micro/sealwire.ts";
import { type Contender, type Effort, type Figure, measure } from "../rounds.ts";
import { bareWebCrypto, floorOfBytes, floorOfObject, twoEnds } from "./bare.ts";
import { bareWithoutCipher, withoutCipher } from "./no-cipher.ts";
import { several, throughSessions } from "./session.ts";

/** What the page is asked for. */
export interface Asked {
  readonly sizes: readonly number[];
  readonly quick: boolean;
  readonly effort: Effort;
  readonly inFlight: readonly number[];
  /** Bytes of the messages of those. */
  readonly inFlightSizes: readonly number[];
}

export interface InFlightTable {
  readonly size: number;
  readonly inFlight: number;
  /** That measured it; a figure has a value of each where there are more. */
  readonly pages: number;
  readonly figures: Readonly<Record<string, Figure>>;
}

/** What it answers. */
export interface Answer {
  readonly agent: string;
  readonly micro: readonly MicroTable[];
  readonly inFlight: readonly InFlightTable[];
}

async function keys(): Promise<MessageKeys> {
  const { subtle } = crypto;
  const hmac = { name: "HMAC", hash: "SHA-256", length: 256 };
  return {
    aead: aeadKey(await subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"])),
    mac: macKey(await subtle.generateKey(hmac, false, ["sign", "verify"])),
  };
}

async function contendersOf(what: "bytes" | "object", size: number, quick: boolean): Promise<Contender[]> {
  const bytes = bytesOf(size);
  const data: Data = what === "bytes" ? bytes : (objectOf(size) as Data);
  const own: Contender[] = [];
  for (const setting of settings(size, quick)) own.push(await sealwire(setting, data, await keys()));
  const floor = what === "bytes" ? await floorOfBytes(bytes) : await floorOfObject(data);
  return [floor, ...own, await joseEncrypt(data), ...(quick ? [] : [await joseSign(data)])];
}

const WARM = 5000;

async function inFlightTable(size: number, inFlight: number, effort: Effort): Promise<InFlightTable> {
  const data = bytesOf(size);
  const bare = await bareWebCrypto();
  const ends = await twoEnds(size);
  const bareCopies = bareWithoutCipher();
  const passes: [string, () => Promise<unknown>][] = [
    ["bare WebCrypto AES-GCM", () => bare(data)],
    // One message, one call of the cipher at each end, as it is there.
    ["sealwire sessions", await throughSessions(data, false)],
    // What applications get: those in flight were sent in one turn.
    ["sealwire sessions, in batches", await throughSessions(data, true)],
    // What it costs that there are two ends and frames between them, and nothing else of a session.
    ["bare WebCrypto AES-GCM, two ends", () => ends(data)],
    // What is left of both without their cipher.
    ["bare calls, no cipher", () => bareCopies(data)],
    ["sealwire sessions, no cipher", await throughSessions(data, false, withoutCipher)],
  ];
  const contenders = passes.map(
    ([name, pass]): Contender => ({ name, run: (count) => several(pass, count, inFlight) }),
  );
  // A session is much code: an engine takes this many messages to compile all of it.
  for (const { run } of contenders) await run(WARM);
  return { size, inFlight, pages: 1, figures: Object.fromEntries(await measure(contenders, effort, noCpuTime)) };
}

const noCpuTime = () => 0;

async function work(asked: Asked): Promise<Answer> {
  const micro: MicroTable[] = [];
  for (const size of asked.sizes)
    for (const what of ["bytes", "object"] as const) {
      const contenders = await contendersOf(what, size, asked.quick);
      micro.push({ what, size, figures: Object.fromEntries(await measure(contenders, asked.effort, noCpuTime)) });
    }
  const inFlight: InFlightTable[] = [];
  for (const size of asked.inFlightSizes)
    for (const many of asked.inFlight) inFlight.push(await inFlightTable(size, many, asked.effort));
  return { agent: navigator.userAgent, micro, inFlight };
}

const post = (path: string, body: unknown) => fetch(path, { method: "POST", body: JSON.stringify(body) });

const failed = (error: unknown) =>
  post("failed", error instanceof Error ? `${error.message}\n${error.stack}` : String(error));

addEventListener("unhandledrejection", ({ reason }) => void failed(reason));
work((await (await fetch("asked")).json()) as Asked).then((answer) => post("answer", answer), failed);
