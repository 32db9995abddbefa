import { describe, expect, it } from "vitest";
import { explore, large, type Model, type Node, paths, walks } from "./interleavings.ts";
import { type Budget, budgets, type RekeyEvent } from "./rekey-model.ts";
import { type StrictState, strictModel, strictView } from "./rekey-strict.ts";
import { windowModel, windowView } from "./rekey-window.ts";
import { type ResumeBounds, type ResumeEvent, type ResumeState, resumeModel } from "./resume-model.ts";

const both = (proposals: number, messages: number): readonly [Budget, Budget] => [
  { proposals, messages },
  { proposals, messages },
];
const arrives = ({ does }: RekeyEvent): boolean => does === "gets";

/** States that are reached from any of these beginnings. */
function reached<E, S>(models: Iterable<Model<E, S>>): number {
  const seen = new Set<string>();
  const visit = (node: Node<E, S>): void => {
    const before = seen.size;
    if (seen.add(JSON.stringify(node.state)).size > before) for (const { to } of node.edges) visit(to);
  };
  for (const model of models) visit(explore(model).root);
  return seen.size;
}

/** From any choice of budgets, as the models choose them. */
const statesOf = <S>(most: Budget, model: (budget: readonly [Budget, Budget]) => Model<RekeyEvent, S>): number =>
  reached([...budgets(most)].map(model));

describe("the models are those of specs/formal", () => {
  // "states, stored" of Spin for the same file without what stands after its `timeout`, less the one in which it begins:
  // spin -a -DTWOKEYS -DLOSS -DMESSAGES=1 rekey-window.pml && gcc -DSAFETY -o pan pan.c && ./pan -E
  it("strict order: as many states as Spin stores", () => {
    expect(statesOf({ proposals: 1, messages: 1 }, strictModel)).toBe(500 - 1);
    expect(statesOf({ proposals: 2, messages: 2 }, strictModel)).toBe(16_625 - 1);
  });

  const windows: (readonly [messages: number, loss: boolean, stored: number])[] = [
    [1, false, 3_211],
    [1, true, 4_884],
  ];
  // What the model itself has.
  if (large) windows.push([2, false, 89_832], [2, true, 173_874]);
  it.each(windows)(
    "window order, %i messages, loss %s: as many states as Spin stores",
    (messages, loss, stored) => {
      const most = { proposals: 1, messages };
      expect(statesOf(most, (budget) => windowModel({ budget, window: 3, loss }))).toBe(stored - 1);
    },
    600_000,
  );

  // spin -a -DCUTS=2 -DCMESSAGES=1 -DSMESSAGES=1 -DREKEYS=0 resume.pml, and so on. The model chooses how many connections are given up.
  const resumes: (readonly [cuts: number, client: number, server: number, rekeys: number, stored: number])[] = [
    [1, 0, 0, 0, 9],
    [1, 1, 1, 0, 109],
    [2, 1, 1, 0, 1_977],
    [1, 0, 0, 1, 1_250],
    [1, 1, 0, 1, 7_769],
  ];
  if (large) resumes.push([1, 1, 1, 1, 40_992], [2, 0, 0, 1, 20_576]);
  it.each(resumes)(
    "resume, %i connections given up, %i and %i messages, %i rekeys of each end: as many states as Spin stores",
    (cuts, client, server, rekeys, stored) => {
      const budget = [client, server].map((messages) => ({ messages, rekeys })) as unknown as ResumeBounds["budget"];
      const models = Array.from({ length: cuts + 1 }, (_, n) => resumeModel({ cuts: n, budget }));
      expect(reached<ResumeEvent, ResumeState>(models)).toBe(stored - 1);
    },
    600_000,
  );
});

describe("a walked model", () => {
  const strict = strictModel(both(1, 1));
  const window = windowModel({ budget: both(1, 1), window: 3, loss: true });

  it("was walked in every step, along steps that follow one another, each walk to where nothing is on the way", () => {
    const graph = explore(window);
    const taken = new Set<unknown>();
    for (const walk of walks(graph, arrives)) {
      let node = graph.root;
      for (const edge of walk) {
        if (!node.edges.includes(edge)) throw new Error("a step of another state");
        taken.add(edge);
        node = edge.to;
      }
      expect(windowView(node.state).frames).toEqual([[], []]);
    }
    expect(taken.size).toBe(graph.edges);
    expect([...walks(graph, arrives)]).toEqual([]);
  });

  it("ends in one epoch, at both ends, and blocks nowhere", () => {
    const ends = new Set([...paths(explore(strict))].map((path) => path.at(-1)?.to.state));
    for (const state of ends) {
      const view = strictView(state as StrictState);
      expect(view.frames).toEqual([[], []]);
      const [{ send }] = view.ends;
      const end = { send, receive: send, proposing: false, underWay: false };
      expect(view.ends).toEqual([end, end]);
    }
  });

  it("without proposals has the paths of two queues", () => {
    // Catalan(m) orders of sends and arrivals in each direction, interleaved: binomial(4m, 2m) times that squared.
    const count = (messages: number) => [...paths(explore(strictModel(both(0, messages))))].length;
    expect([count(0), count(1), count(2), count(3)]).toEqual([1, 6, 280, 23_100]);
  });
});
