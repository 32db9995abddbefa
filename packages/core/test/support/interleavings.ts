// Reachable states of a model, and walks through them for tests that drive the real thing along.

export interface Step<E, S> {
  readonly event: E;
  readonly state: S;
}

export interface Model<E, S> {
  readonly initial: S;
  /** All that can happen next. Every sequence of steps ends. */
  steps(state: S): readonly Step<E, S>[];
}

/** A state with all that can happen in it, each state once. */
export interface Node<E, S> {
  readonly state: S;
  readonly edges: readonly Edge<E, S>[];
  /** Nothing is left to be walked from here on. Once true it stays so. */
  done: boolean;
  /** How many steps that nobody took lie on one way from here on: at most so many. */
  ahead: number;
}

export interface Edge<E, S> {
  readonly event: E;
  readonly to: Node<E, S>;
  walked: boolean;
}

export interface Graph<E, S> {
  readonly root: Node<E, S>;
  readonly states: number;
  readonly edges: number;
}

/** Every state that can be reached, by depth-first search. States are data: equal as JSON is equal. */
export function explore<E, S>({ initial, steps }: Model<E, S>): Graph<E, S> {
  const nodes = new Map<string, Node<E, S>>();
  let edges = 0;
  const visit = (state: S): Node<E, S> => {
    const key = JSON.stringify(state);
    const known = nodes.get(key);
    if (known !== undefined) return known;
    const own: Edge<E, S>[] = [];
    const node = { state, edges: own, done: false, ahead: 0 };
    nodes.set(key, node);
    for (const { event, state: next } of steps(state)) own.push({ event, to: visit(next), walked: false });
    edges += own.length;
    node.ahead = ahead(node);
    return node;
  };
  return { root: visit(initial), states: nodes.size, edges };
}

function isDone<E, S>(node: Node<E, S>): boolean {
  node.done ||= node.edges.every(({ walked, to }) => walked && isDone(to));
  return node.done;
}

/** Steps that nobody took on the way over this one. */
const along = <E, S>({ walked, to }: Edge<E, S>): number => (walked ? 0 : 1) + to.ahead;

const ahead = <E, S>({ edges }: Node<E, S>): number => edges.reduce((most, edge) => Math.max(most, along(edge)), 0);

/**
 * Walks from the first state that together take each step of each state. With nothing new ahead they go on by the steps that
 * `settles` names until there is none. A graph that was walked yields nothing more.
 */
export function* walks<E, S>(
  { root }: Graph<E, S>,
  settles: (event: E) => boolean,
): Generator<readonly Edge<E, S>[], void, undefined> {
  while (!isDone(root)) {
    const walk: Edge<E, S>[] = [];
    const visited = [root];
    for (let node = root; ; ) {
      const edge = isDone(node) ? node.edges.find(({ event }) => settles(event)) : newest(node);
      if (edge === undefined) break;
      edge.walked = true;
      walk.push(edge);
      node = edge.to;
      visited.push(node);
    }
    for (const node of visited.reverse()) node.ahead = ahead(node);
    yield walk;
  }
}

/** The step with most that is new on the way. Long walks with much of it are few: each begins anew at the first state. */
function newest<E, S>({ edges }: Node<E, S>): Edge<E, S> | undefined {
  const open = edges.filter(({ walked, to }) => !walked || !isDone(to));
  return open.reduce<Edge<E, S> | undefined>((best, e) => (best && along(best) >= along(e) ? best : e), undefined);
}

const { SEALWIRE_INTERLEAVINGS } = process.env;
const [part, parts] = (SEALWIRE_INTERLEAVINGS ?? "0/1").split("/").map(Number) as [number, number];

/** `npm run interleavings`, and not `npm test`. */
export const large: boolean = SEALWIRE_INTERLEAVINGS !== undefined;

/** Several processes take turns at the walks: those of this one. */
export function* share<T>(all: Iterable<T>): Generator<T, void, undefined> {
  let i = 0;
  for (const one of all) if (i++ % parts === part) yield one;
}

/** Every way from the first state to a last one, each once. */
export function* paths<E, S>({ root }: Graph<E, S>): Generator<readonly Edge<E, S>[], void, undefined> {
  function* from(node: Node<E, S>, path: Edge<E, S>[]): Generator<readonly Edge<E, S>[], void, undefined> {
    if (node.edges.length === 0) yield [...path];
    for (const edge of node.edges) yield* from(edge.to, [...path, edge]);
  }
  yield* from(root, []);
}
