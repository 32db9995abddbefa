import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Child } from "../child.ts";
import { HELD_SIZE } from "../data.ts";
import type { Shares } from "../profile.ts";
import { figure } from "../rounds.ts";
import type { Answer, Asked, InFlightTable } from "./page.ts";

/** `answer` is undefined where `missing` says why. */
export interface BrowserFigures {
  readonly name: string;
  readonly answer: Answer | undefined;
  readonly missing: string | undefined;
}

interface Browser {
  readonly name: string;
  /** The program and what it is started with; undefined where it is not installed. */
  command(profile: string, url: string): readonly string[] | undefined;
  /** What would have to be installed. */
  readonly programs: string;
}

const BROWSERS: readonly Browser[] = [
  {
    name: "Chromium",
    programs: "chromium (or SEALWIRE_CHROMIUM names one)",
    command(profile, url) {
      const program = process.env.SEALWIRE_CHROMIUM ?? onPath("chromium", "google-chrome", "chromium-browser");
      const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", `--user-data-dir=${profile}`];
      return program === undefined ? undefined : [program, ...flags, url];
    },
  },
  {
    name: "Firefox",
    programs: "firefox-esr",
    command(profile, url) {
      const program = onPath("firefox-esr", "firefox");
      return program === undefined ? undefined : [program, "--headless", "--no-remote", "--profile", profile, url];
    },
  },
  {
    name: "WebKitGTK",
    programs: "webkit2gtk-driver (its MiniBrowser), xvfb and xauth",
    command(_, url) {
      const [display, program] = [onPath("xvfb-run"), miniBrowser()];
      // It has no mode without a display.
      return display === undefined || program === undefined ? undefined : [display, "-a", program, url];
    },
  },
];

/** The first of these programs. */
function onPath(...names: readonly string[]): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(executable);
}

/** Debian keeps it out of PATH. */
function miniBrowser(): string | undefined {
  const inFolder = (folder: string, pattern: RegExp): string[] => {
    try {
      return readdirSync(folder)
        .filter((name) => pattern.test(name))
        .map((name) => join(folder, name));
    } catch {
      return [];
    }
  };
  const versions = inFolder("/usr/lib", /-linux-gnu/).flatMap((folder) => inFolder(folder, /^webkit2?gtk-\d/));
  return versions.map((folder) => join(folder, "MiniBrowser")).find(executable);
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * One after the other, in every engine that is installed. What is held to a bound is measured in `pages` of its own: the same
 * script takes much longer in one page than in the next one.
 */
export async function browsers(
  asked: Asked,
  pages: number,
  seconds: number,
  say: (what: string) => void,
): Promise<readonly BrowserFigures[]> {
  const script = await bundled();
  const held = { ...asked, sizes: [], inFlight: asked.inFlight.slice(-1), inFlightSizes: [HELD_SIZE] };
  const figures: BrowserFigures[] = [];
  for (const browser of BROWSERS) {
    say(`browsers: ${browser.name}`);
    const first = await measureIn(browser, script, asked, seconds);
    const answers: Answer[] = [];
    for (let page = 1; page <= pages && first.answer !== undefined; page++) {
      say(`browsers: ${browser.name}, page ${page} of ${pages}`);
      const { answer, missing } = await measureIn(browser, script, held, seconds);
      if (answer === undefined) say(`browsers: ${browser.name}, page ${page} is left out: ${missing}`);
      else answers.push(answer);
    }
    if (first.answer === undefined) figures.push(first);
    // What the first page did beside its tables decides no bound.
    else if (answers.length === 0) figures.push({ ...first, answer: undefined, missing: "none of its pages answered" });
    else figures.push({ ...first, answer: ofPages(first.answer, answers) });
  }
  return figures;
}

/** What the pages measured, in place of what the first one did: each page is a round. */
function ofPages(first: Answer, pages: readonly Answer[]): Answer {
  const all = pages.flatMap(({ inFlight }) => inFlight);
  const inFlight = first.inFlight.map((table): InFlightTable => {
    const same = all.filter(({ size, inFlight }) => size === table.size && inFlight === table.inFlight);
    if (same.length === 0) return table;
    const medians = (name: string) => same.map(({ figures }) => figures[name]?.median ?? Number.NaN);
    // A page has no clock of CPU time.
    const figures = Object.keys(table.figures).map((name) => [name, figure(medians(name), [0])]);
    return { ...table, pages: same.length, figures: Object.fromEntries(figures) };
  });
  return { ...first, inFlight };
}

/** Where the time goes that sessions of a page take themselves, by so many messages; measured in Node. */
export async function ownTime(messages: number, say: (what: string) => void): Promise<Shares> {
  say("profile of sessions where WebCrypto copies");
  const child = new Child("browser/own.js");
  try {
    return await child.ask<Shares>("profile", messages);
  } finally {
    await child.end();
  }
}

async function bundled(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("page.js", import.meta.url))],
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    minify: true,
    logLevel: "silent",
  });
  return outputFiles[0]?.text ?? "";
}

async function measureIn(browser: Browser, script: string, asked: Asked, seconds: number): Promise<BrowserFigures> {
  const { name } = browser;
  const profile = mkdtempSync(join(tmpdir(), "sealwire-bench-"));
  let told = (_: string, __: string) => {};
  // Loopback counts as a secure context, without which there is no WebCrypto.
  const server = createServer(async (request, response) => {
    if (request.method === "POST") told(request.url ?? "", await text(request));
    const [type, body] = PAGES[request.url ?? ""]?.(script, asked) ?? ["text/plain", ""];
    response.setHeader("content-type", type).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  let child: ChildProcess | undefined;
  try {
    const command = browser.command(profile, `http://127.0.0.1:${port}/`);
    if (command === undefined) return { name, answer: undefined, missing: `it is not installed: ${browser.programs}` };
    return await new Promise<BrowserFigures>((resolve) => {
      const failed = (missing: string) => resolve({ name, answer: undefined, missing });
      told = (path, body) => {
        if (path === "/answer") resolve({ name, answer: JSON.parse(body) as Answer, missing: undefined });
        else failed(`the page failed: ${JSON.parse(body)}`);
      };
      const timer = setTimeout(() => failed(`it did not answer within ${seconds} s`), seconds * 1000);
      timer.unref();
      const [program, ...args] = command as [string, ...string[]];
      // In a group of its own: a browser is many processes.
      child = spawn(program, args, { stdio: "ignore", detached: true });
      child.once("error", (error) => failed(error.message));
      child.once("exit", (code) => failed(`it ended by itself with ${code}`));
    });
  } finally {
    const ended = child && new Promise((resolve) => child?.once("exit", resolve));
    if (child?.pid !== undefined && child.exitCode === null) {
      process.kill(-child.pid, "SIGTERM");
      await ended;
    }
    server.closeAllConnections();
    server.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

const HTML = '<!doctype html><meta charset="utf-8"><title>bench</title><script type="module" src="page.js"></script>';

const PAGES: Readonly<Record<string, (script: string, asked: Asked) => readonly [string, string]>> = {
  "/": () => ["text/html", HTML],
  "/page.js": (script) => ["text/javascript", script],
  "/asked": (_, asked) => ["application/json", JSON.stringify(asked)],
};
