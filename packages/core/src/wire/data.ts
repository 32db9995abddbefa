import { type Codec, DEFAULT_LIMITS } from "../registry.generated.ts";
import { isWellFormed } from "./bytes.ts";
import type { Data } from "./json.ts";

/** What lies around the data in its claims and counts against the same limits at the receiver. */
export interface Surroundings {
  /** Levels of nesting around the data: 1 as `dat`, 3 inside `bat`. */
  readonly depth: number;
  /** Values beside the data. */
  readonly nodes: number;
}

/** Data that is `dat` of a claims object: one level, and room for the claims beside it. */
export const AS_DAT: Surroundings = { depth: 1, nodes: 16 };

/**
 * Asserts that data fits the data model, so that no receiver refuses it: JSON values made of plain objects and true arrays,
 * or bytes as the whole; within the limits of claims.
 *
 * @throws TypeError that names the path of what does not fit
 */
export function assertData(data: unknown, codec: Codec, around: Surroundings = AS_DAT): asserts data is Data {
  measureData(data, codec, around);
}

/** As `assertData`; answers with the levels of nesting, those around the data included. */
export function measureData(data: unknown, codec: Codec, around: Surroundings = AS_DAT): number {
  if (data instanceof Uint8Array) return around.depth;
  const check = new Check(codec, around);
  check.value(data, around.depth + 1);
  return check.deepest;
}

class Check {
  /** The deepest level that a container has. */
  deepest: number;
  #nodes: number;
  readonly #codec: Codec;
  readonly #path: (string | number)[] = [];

  constructor(codec: Codec, { depth, nodes }: Surroundings) {
    this.#codec = codec;
    this.deepest = depth;
    this.#nodes = nodes;
  }

  value(value: unknown, depth: number): void {
    if (++this.#nodes > DEFAULT_LIMITS.claimsNodes) this.#refuse(`more than ${DEFAULT_LIMITS.claimsNodes} values`);
    switch (typeof value) {
      case "boolean":
        break;
      case "string":
        this.#text(value);
        break;
      case "number":
        this.#number(value);
        break;
      case "object":
        if (value !== null) this.#container(value, depth);
        break;
      default:
        this.#refuse(`${typeof value} is not allowed`);
    }
  }

  #text(text: string): void {
    if (!isWellFormed(text)) this.#refuse("a lone surrogate is not allowed");
  }

  #number(value: number): void {
    if (!Number.isFinite(value)) this.#refuse(`${value} is not allowed`);
    if (this.#codec === "cbor" && Number.isInteger(value) && !Number.isSafeInteger(value))
      this.#refuse("an integer beyond 2^53-1 is not allowed with codec cbor");
  }

  #container(value: object, depth: number): void {
    if (value instanceof Uint8Array) this.#refuse("bytes are allowed only as the whole data");
    if (depth > this.deepest) this.deepest = depth;
    // The depth limit also ends cycles.
    if (depth > DEFAULT_LIMITS.claimsDepth) this.#refuse("nested too deep, or a cycle");
    if (typeof (value as { toJSON?: unknown }).toJSON === "function") this.#refuse("a toJSON method is not allowed");
    if (Object.getOwnPropertySymbols(value).length > 0) this.#refuse("a symbol as key is not allowed");
    const prototype = Object.getPrototypeOf(value);
    if (Array.isArray(value) && prototype === Array.prototype) this.#elements(value, depth);
    else if (prototype === Object.prototype || prototype === null) this.#members(value, depth);
    else this.#refuse("only plain objects and arrays are allowed, no instance of a class");
  }

  #elements(array: readonly unknown[], depth: number): void {
    // A hole reads as undefined, which is refused; members beside the elements would be lost.
    for (let i = 0; i < array.length; i++) this.#at(i, array[i], depth);
    if (Object.keys(array).length !== array.length) this.#refuse("an array with members of its own is not allowed");
  }

  #members(object: object, depth: number): void {
    const entries = Object.entries(object);
    if (entries.length > DEFAULT_LIMITS.claimsMembers)
      this.#refuse(`more than ${DEFAULT_LIMITS.claimsMembers} members`);
    for (const [key, value] of entries) {
      if (key === "__proto__") this.#refuse("the member name __proto__ is not allowed");
      this.#text(key);
      this.#at(key, value, depth);
    }
  }

  #at(key: string | number, value: unknown, depth: number): void {
    this.#path.push(key);
    this.value(value, depth + 1);
    this.#path.pop();
  }

  #refuse(what: string): never {
    const path = this.#path.map((key) =>
      typeof key === "string" && /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`,
    );
    throw new TypeError(`data${path.join("")}: ${what}`);
  }
}
