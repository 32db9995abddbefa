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
    const node = { state, edges: own, done: false };
    nodes.set(key, node);
    for (const { event, state: next } of steps(state)) own.push({ event, to: visit(next), walked: false });
    edges += own.length;
    return node;
  };
  return { root: visit(initial), states: nodes.size, edges };
}

function isDone<E, S>(node: Node<E, S>): boolean {
  node.done ||= node.edges.every(({ walked, to }) => walked && isDone(to));
  return node.done;
}

/** How many steps of this state nobody took yet. */
const fresh = <E, S>({ edges }: Node<E, S>): number => edges.reduce((n, { walked }) => n + (walked ? 0 : 1), 0);

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
    for (let node = root; ; ) {
      const edge = isDone(node) ? node.edges.find(({ event }) => settles(event)) : newest(node);
      if (edge === undefined) break;
      edge.walked = true;
      walk.push(edge);
      node = edge.to;
    }
    yield walk;
  }
}

/** The step that nobody took, or leads on to one; of those the one with most that is new behind it. */
function newest<E, S>({ edges }: Node<E, S>): Edge<E, S> | undefined {
  const rank = ({ walked, to }: Edge<E, S>) => (walked ? 0 : 100) + fresh(to);
  const open = edges.filter(({ walked, to }) => !walked || !isDone(to));
  return open.reduce<Edge<E, S> | undefined>((best, e) => (best && rank(best) >= rank(e) ? best : e), undefined);
}

/** Every way from the first state to a last one, each once. */
export function* paths<E, S>({ root }: Graph<E, S>): Generator<readonly Edge<E, S>[], void, undefined> {
  function* from(node: Node<E, S>, path: Edge<E, S>[]): Generator<readonly Edge<E, S>[], void, undefined> {
    if (node.edges.length === 0) yield [...path];
    for (const edge of node.edges) yield* from(edge.to, [...path, edge]);
  }
  yield* from(root, []);
}
