import * as v from "valibot";
import * as z from "zod";
import type { SealwireError } from "../../src/errors.ts";
import { defineTopics, topicChecks } from "../../src/session/topics.ts";
import { type Live, live, type Role } from "./live.ts";

/** In every body that is refused: no error may show it. */
export const SECRET = "hunter2-in-the-body";

interface Tree {
  next: Tree[];
}
const zodTree: z.ZodType<Tree, Tree> = z.object({ next: z.lazy(() => z.array(zodTree)) });
const valibotTree: v.GenericSchema<Tree> = v.object({ next: v.lazy(() => v.array(valibotTree)) });

/** The same topics by two libraries. */
const LIBRARIES = {
  zod: defineTopics({
    say: z.object({ text: z.string(), at: z.string().optional() }),
    deep: z.object({ list: z.array(z.object({ name: z.string() })) }),
    date: z.string().transform((s) => new Date(s)),
    slow: z.object({ n: z.number().refine(async (n) => n < 10) }),
    map: z.record(z.string(), z.number()),
    tree: zodTree,
    join: {
      request: z.object({ room: z.string() }),
      reply: z.object({ members: z.array(z.string()), more: z.boolean().default(false) }),
    },
  }),
  valibot: defineTopics({
    say: v.object({ text: v.string(), at: v.optional(v.string()) }),
    deep: v.object({ list: v.array(v.object({ name: v.string() })) }),
    date: v.pipe(
      v.string(),
      v.transform((s) => new Date(s)),
    ),
    slow: v.objectAsync({
      n: v.pipeAsync(
        v.number(),
        v.checkAsync(async (n) => n < 10),
      ),
    }),
    map: v.record(v.string(), v.number()),
    tree: valibotTree,
    join: {
      request: v.object({ room: v.string() }),
      reply: v.object({ members: v.array(v.string()), more: v.optional(v.boolean(), false) }),
    },
  }),
} as const;
export const BOTH = Object.entries(LIBRARIES).map(([name, topics]) => [name, topicChecks(topics)] as const);

type Checks = ReturnType<typeof topicChecks>;
export const onServer = (topics: Checks): Promise<Live> => live({ serverHooks: { topics } });
export const onClient = (topics: Checks): Promise<Live> => live({ clientHooks: { topics } });

/** What a handler of the server gets on a topic. */
export function seen(pair: Live, topic: string): unknown[] {
  const got: unknown[] = [];
  pair.server.session!.handle(topic, (data) => void got.push(data));
  return got;
}

export const reported = (pair: Live, role: Role): SealwireError[] => pair.errors[role] as SealwireError[];

/** Whatever an application could log of an error. */
export const printed = (error: unknown): string => {
  const e = error as SealwireError & { cause?: unknown };
  return `${e.stack} ${JSON.stringify(e)} ${e.detail} ${e.cause === undefined ? "" : printed(e.cause)}`;
};
