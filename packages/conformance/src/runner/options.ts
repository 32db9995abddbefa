import { parseArgs } from "node:util";

export interface Options {
  readonly drivers: readonly string[] | undefined;
  readonly suites: readonly string[] | undefined;
  readonly group: string | undefined;
  readonly vector: string | undefined;
  readonly list: boolean;
  readonly build: boolean;
  readonly json: boolean;
  readonly verbose: boolean;
  readonly help: boolean;
}

export const USAGE = `npm run conformance -- [options]

  --driver a,b     only these drivers; default: all whose toolchain is present
  --suite a,b      only these suites
  --group prefix   only groups whose id begins so
  --vector id      one vector, with its input, what is expected and what came
  --list           the vectors that are selected
  --build          build the drivers and stop
  --verbose        every failure, and the matrix by groups
  --json           the outcome for programs

With a ws: or wss: address first, or with --listen, a live endpoint is tested; add --help to see how.
`;

const list = (value: string | undefined): readonly string[] | undefined => value?.split(",").map((part) => part.trim());

/** @throws TypeError for arguments that do not exist */
export function readOptions(args: readonly string[]): Options {
  const text = { type: "string" } as const;
  const flag = { type: "boolean", default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      driver: text,
      suite: text,
      group: text,
      vector: text,
      list: flag,
      build: flag,
      json: flag,
      verbose: flag,
      help: flag,
    },
  });
  const { driver, suite, ...rest } = values;
  return { group: undefined, vector: undefined, ...rest, drivers: list(driver), suites: list(suite) };
}

/** Every driver has to be there: in CI, and where it was asked for by name. */
export function strictIn({ drivers }: Options, { CI }: { readonly CI?: string | undefined }): boolean {
  return drivers !== undefined || (CI !== undefined && !["", "0", "false"].includes(CI));
}
