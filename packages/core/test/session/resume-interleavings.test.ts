import { expect, it } from "vitest";
import { explore, large, share, walks } from "../support/interleavings.ts";
import { type ResumeBounds, type ResumeBudget, type ResumeEvent, resumeModel } from "../support/resume-model.ts";
import { ResumeWalker } from "../support/resume-walker.ts";
import { noUnhandledRejections } from "../support/unhandled.ts";

// Real sessions, along walks that take every step of every state which specs/formal/resume.pml reaches within bounds: each message
// and proposal, each cut, each choice of a chain, each arrival and loss on any connection. After each step what the sessions show
// is compared with the model: what each application got, exactly once and in order; numbers; the chains that each end holds; the
// connection that the server goes on with; what is on the way. \`npm run interleavings\` has larger bounds than \`npm test\`.

noUnhandledRejections();

const webcrypto = process.env.SEALWIRE_BACKEND === "webcrypto";
const HOUR = 3_600_000;

/** With nothing new ahead a walk goes on to where nothing is on the way and the client has a connection. */
const settles = ({ does }: ResumeEvent): boolean => does === "gets" || does === "tries" || does === "starts anew";

const RULES =
  "[resume:again] [resume:same-message] [resume:void] [resume:delivered] [resume:old-lives] [resume:compare] [chain:server] [chain:client]";

const ends = (client: ResumeBudget, server: ResumeBudget): ResumeBounds["budget"] => [client, server];
const [nothing, message, rekey, either] = [
  { messages: 0, rekeys: 0 },
  { messages: 1, rekeys: 0 },
  { messages: 0, rekeys: 1 },
  { messages: 1, rekeys: 1 },
];

const bounds: ResumeBounds[] = [{ cuts: 1, budget: ends(message, message) }];
if (!webcrypto)
  bounds.push(
    { cuts: 2, budget: ends(message, nothing) },
    { cuts: 1, budget: ends(rekey, rekey) },
    { cuts: 1, budget: ends(message, rekey) },
    { cuts: 1, budget: ends(rekey, message) },
  );
if (large)
  bounds.push(
    { cuts: 2, budget: ends(message, message) },
    { cuts: 1, budget: ends(either, either) },
    { cuts: 2, budget: ends(rekey, rekey) },
  );

const shown = ({ cuts, budget }: ResumeBounds): string => {
  const [client, server] = budget.map(({ messages, rekeys }) => `${messages} messages and ${rekeys} rekeys`);
  return `${cuts} connections given up, ${client} of the client, ${server} of the server`;
};

it.each(bounds.map((bound) => [shown(bound), bound] as const))(
  `%s: every step of every state ${RULES}`,
  async (_, bound) => {
    const graph = explore(resumeModel(bound));
    let walker: ResumeWalker | undefined;
    for (const walk of share(walks(graph, settles))) {
      walker ??= await ResumeWalker.open();
      await walker.walk(graph.root.state, walk);
      // The client made a full handshake: these sessions do not go on.
      if (walk.at(-1)?.to.state.client.st === "FULL") walker = undefined;
    }
    await walker?.close();
    expect(graph.root.done).toBe(true);
  },
  HOUR,
);
