import { parseArgs } from "node:util";
import { type Bot, startBot } from "./bot.ts";
import { type Demo, startDemo } from "./demo.ts";
import { runOnce } from "./once.ts";

const HELP = `The Sealwire demo: a page, a server, and a man in the middle between them.

  npm start                    start it and print the address to open
  npm start -- --bot           also connect a Node client that answers and takes files
  npm start -- --once          run the whole scenario without a browser, report, and exit
  npm start -- --once --json   the same report for programs
  --port N                     first port to try (default 8787)
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      bot: { type: "boolean", default: false },
      once: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      port: { type: "string", default: "8787" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return void console.log(HELP);
  if (values.once) {
    process.exitCode = (await runOnce({ json: values.json })) ? 0 : 1;
    return;
  }
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65000)
    throw new RangeError(`--port ${values.port} is no port number.`);
  const demo = await startDemo({ port });
  const bot = values.bot ? await startBot(demo.config) : undefined;
  banner(demo, bot);
  endOnSignal(demo, bot);
}

function banner(demo: Demo, bot: Bot | undefined): void {
  console.log(`
  Sealwire demo

  Open      ${demo.app.origin}     (a second tab, another user: talk)

  relay     ${demo.relay.url}   a man in the middle: reads and changes what it likes
  server    ws://127.0.0.1:${demo.server.port}/ws   the real Sealwire server, behind the relay
  issuer    ${demo.issuer.issuer}/jwks   DEVELOPMENT ONLY: gives anybody here a token, without a password
  bot       ${bot ? "connected: write “@bot hello”, or send it a file" : "not started (npm start -- --bot)"}

  Ctrl+C ends it.
`);
}

/** The first signal ends in order; a second one ends at once. */
function endOnSignal(demo: Demo, bot: Bot | undefined): void {
  let ending = false;
  const end = (): void => {
    if (ending) process.exit(130);
    ending = true;
    console.log("\n  Closing…");
    const closing = (async () => {
      await bot?.close();
      await demo.close();
    })();
    closing.then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  };
  process.on("SIGINT", end);
  process.on("SIGTERM", end);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
