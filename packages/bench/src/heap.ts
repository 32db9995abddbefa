// In a child: what its memory consists of.
import { getHeapSnapshot } from "node:v8";

/** Of one kind of object. */
export interface HeapShare {
  count: number;
  bytes: number;
}

interface Snapshot {
  readonly snapshot: { readonly meta: { readonly node_fields: string[]; readonly node_types: [string[]] } };
  readonly nodes: readonly number[];
  readonly strings: readonly string[];
}

/** All that lives, by kind. */
export async function heapShares(): Promise<Record<string, HeapShare>> {
  let text = "";
  for await (const piece of getHeapSnapshot()) text += piece;
  return sharesOf(JSON.parse(text));
}

export function sharesOf({ snapshot, nodes, strings }: Snapshot): Record<string, HeapShare> {
  const { node_fields: fields, node_types: types } = snapshot.meta;
  const [type, name, size] = ["type", "name", "self_size"].map((field) => fields.indexOf(field)) as [
    number,
    number,
    number,
  ];
  const shares: Record<string, HeapShare> = {};
  for (let at = 0; at < nodes.length; at += fields.length) {
    const kind = kindOf(types[0][nodes[at + type] as number] as string, strings[nodes[at + name] as number] as string);
    if (kind === undefined) continue;
    shares[kind] ??= { count: 0, bytes: 0 };
    shares[kind].count++;
    shares[kind].bytes += nodes[at + size] as number;
  }
  return shares;
}

const KINDS: Readonly<Record<string, string>> = {
  closure: "functions",
  array: "elements and tables of objects",
  string: "texts",
  "concatenated string": "texts",
  "sliced string": "texts",
  number: "numbers",
};

/** Objects by their class. Undefined for code and the like, which comes with the first of them. */
function kindOf(type: string, name: string): string | undefined {
  if (name === "system / Context") return "variables of functions";
  if (type === "object" || type === "native") return name === "" ? "Object" : name;
  return KINDS[type];
}
