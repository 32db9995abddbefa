import { expect, it } from "vitest";
import { type Edge, explore, large, paths, share, walks } from "../support/interleavings.ts";
import type { Budget, RekeyEvent, RekeyView } from "../support/rekey-model.ts";
import { strictModel, strictView } from "../support/rekey-strict.ts";
import { RekeyWalker } from "../support/rekey-walker.ts";
import { windowModel, windowView } from "../support/rekey-window.ts";
import { noUnhandledRejections } from "../support/unhandled.ts";

// Real sessions, along walks that take every step of every state which the models of specs/formal reach within bounds: each
// proposal, message, arrival and loss. After each step what the sessions show is compared with the model. One pair goes all
// walks, since each ends at rest. `npm run interleavings` runs the bounds of the models; `npm test` those in strict order, and
// smaller ones in window order and on WebCrypto.

noUnhandledRejections();

const webcrypto = process.env.SEALWIRE_BACKEND === "webcrypto";
const HOUR = 3_600_000;

const both = (proposals: number, messages: number): readonly [Budget, Budget] => [
  { proposals, messages },
  { proposals, messages },
];

const arrives = ({ does }: RekeyEvent): boolean => does === "gets";

async function walkAll<S>(
  along: Iterable<readonly Edge<RekeyEvent, S>[]>,
  view: (state: S) => RekeyView,
  window?: number,
): Promise<void> {
  const walker = await RekeyWalker.open(view, window);
  for (const walk of share(along)) await walker.walk(walk);
  await walker.close();
}

const RULES =
  "[rekey:answer] [rekey:ack-first] [rekey:send-new] [rekey:send-old] [rekey:one] [rekey:collision-server] [rekey:collision-client]";
const WINDOW =
  "[rekey:window] [rekey:window-send] [rekey:window-old] [rekey:collision-server] [rekey:collision-client]";

it.each(webcrypto ? [[1, 1]] : [[2, 2]])(
  `strict order, up to %i proposals and %i messages of each end: every step of every state ${RULES}`,
  async (proposals, messages) => {
    const graph = explore(strictModel(both(proposals, messages)));
    await walkAll(walks(graph, arrives), strictView);
    expect(graph.root.done).toBe(true);
  },
  HOUR,
);

// By any way into a state, not one alone: what the model does not see of the past makes no difference.
it.each(large ? [[1, 1]] : [[1, 0]])(
  `strict order, %i proposals and %i messages of each end: every path ${RULES}`,
  async (proposals, messages) => {
    const graph = explore(strictModel(both(proposals, messages)));
    await walkAll(paths(graph), strictView);
  },
  HOUR,
);

const bounds: (readonly [number, number, boolean])[] = [webcrypto ? [1, 0, false] : [1, 1, true]];
if (large) bounds.push([1, 2, true], [2, 1, true]);

it.each(bounds)(
  `window of 3, up to %i proposals and %i messages of each end, loss %s: every step of every state ${WINDOW}`,
  async (proposals, messages, loss) => {
    const graph = explore(windowModel({ budget: both(proposals, messages), window: 3, loss }));
    await walkAll(walks(graph, arrives), windowView, 3);
    expect(graph.root.done).toBe(true);
  },
  HOUR,
);
