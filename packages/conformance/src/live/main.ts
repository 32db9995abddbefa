// npm run conformance -- wss://host/path --config file.json    tests a server
// npm run conformance -- --listen PORT --config file.json      tests a client, which has to connect again and again
import { parseArgs } from "node:util";
import { readConfig } from "./config.ts";
import { byRequirement, terminalReport } from "./report.ts";
import { type Result, testClient, testServer } from "./run.ts";

export const USAGE = `npm run conformance -- <ws(s)://server/path | --listen port> --config file.json [options]

  --config file    what the suite has to know: see packages/conformance/README.md
  --slow           also the checks that wait for deadlines and heartbeats
  --only text      only checks whose name holds the text
  --json           the outcome for programs
`;

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

/** @returns the exit code: 0 if everything holds, 1 if not, 2 if nothing could be tested, with a line that says why */
export async function live(args: readonly string[]): Promise<number> {
  try {
    return await run(args);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
}

/** @throws TypeError for what is no port */
function portOf(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new TypeError(`--listen ${text}: not a port`);
  return port;
}

async function run(args: readonly string[]): Promise<number> {
  const text = { type: "string" } as const;
  const flag = { type: "boolean", default: false } as const;
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { listen: text, config: text, only: text, slow: flag, json: flag, help: flag },
  });
  const url = positionals[0];
  const port = values.listen === undefined ? undefined : portOf(values.listen);
  if (values.help || values.config === undefined || (url === undefined) === (port === undefined)) {
    print(USAGE);
    return values.help ? 0 : 2;
  }
  const config = readConfig(values.config);
  const shown = process.stderr.isTTY && !values.json;
  const options = {
    slow: values.slow,
    ...(values.only === undefined ? {} : { only: values.only }),
    onResult: ({ check, variant, failure }: Result) => {
      if (shown)
        process.stderr.write(`\r\x1b[K${failure === undefined ? "✓" : "✗"} ${variant}: ${check}`.slice(0, 120));
    },
  };
  const results =
    port === undefined
      ? await testServer(url as string, config, options)
      : await testClient(port, config, {
          ...options,
          onListening: (own) =>
            process.stderr.write(`listening on 127.0.0.1:${own}; let the client connect again and again\n`),
        });
  if (shown) process.stderr.write("\r\x1b[K");
  const failed = results.some(({ failure }) => failure !== undefined);
  print(
    values.json
      ? JSON.stringify({ ok: !failed, requirements: byRequirement(results), results })
      : terminalReport(results, process.stdout.isTTY === true),
  );
  return failed || results.length === 0 ? 1 : 0;
}
