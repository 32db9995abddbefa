import { DEFAULT_LIMITS } from "../registry.generated.ts";
import { type Fail, isWellFormed } from "./bytes.ts";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [k: string]: Json };

/** What an application sends: a JSON value, or bytes as the whole of it. */
export type Data = Json | Uint8Array;

/** Member names and array indexes from the root. Valid only during the call that receives it. */
export type JsonPath = readonly (string | number)[];

export interface JsonOptions {
  /** Levels of nesting: a top-level object is depth 1. Default 32: depth 32 passes, 33 does not. */
  readonly maxDepth?: number;
  /** Members of one object. Default 256. */
  readonly maxMembers?: number;
  /** Values in the whole text, containers included, member names not. Default 100,000. */
  readonly maxNodes?: number;
  /** True where a number belongs to the protocol: it is then a plain integer from 0 to 2^53-1, not `1.0`, `1e3`, `-0`. */
  readonly isOwnInteger?: (path: JsonPath) => boolean;
}

/**
 * Parses strict JSON (RFC 8259). JSON.parse runs only on what a linear scan of the same text has let through; refused are,
 * beyond bad grammar and the limits: a byte order mark, duplicate member names (compared after unescaping, at every depth),
 * the member name `__proto__`, lone surrogates (raw or escaped) and numbers that overflow to infinity.
 *
 * Not checked: whether a number keeps its precision; beyond 53 bits it does not.
 */
export function parseJson(text: string, fail: Fail, options: JsonOptions = {}): Json {
  new Scan(text, fail, options).document();
  return JSON.parse(text) as Json;
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const OWN_INTEGER = /^(?:0|[1-9][0-9]{0,15})$/;
const UNICODE_ESCAPE = /[0-9a-fA-F]{4}/y;

/** Of one object. A table is made where there are more than a few: most have few, and a table is larger than they are. */
class Names {
  static readonly #FEW = 12;
  readonly #few: string[] = [];
  #all: Set<string> | undefined;

  /** False for one that is there. */
  add(name: string): boolean {
    if (this.#all === undefined && this.#few.length === Names.#FEW) this.#all = new Set(this.#few);
    if (this.#all?.has(name) ?? this.#few.includes(name)) return false;
    if (this.#all === undefined) this.#few.push(name);
    else this.#all.add(name);
    return true;
  }

  get size(): number {
    return this.#all?.size ?? this.#few.length;
  }
}

class Scan {
  readonly #text: string;
  readonly #fail: Fail;
  readonly #maxDepth: number;
  readonly #maxMembers: number;
  readonly #isOwnInteger: ((path: JsonPath) => boolean) | undefined;
  readonly #path: (string | number)[] = [];
  #nodesLeft: number;
  #at = 0;

  constructor(text: string, fail: Fail, options: JsonOptions) {
    this.#text = text;
    this.#fail = fail;
    this.#maxDepth = options.maxDepth ?? DEFAULT_LIMITS.claimsDepth;
    this.#maxMembers = options.maxMembers ?? DEFAULT_LIMITS.claimsMembers;
    this.#nodesLeft = options.maxNodes ?? DEFAULT_LIMITS.claimsNodes;
    this.#isOwnInteger = options.isOwnInteger;
  }

  document(): void {
    if (this.#text.startsWith("\ufeff")) this.#refuse("byte order mark");
    if (!isWellFormed(this.#text)) this.#refuse("lone surrogate");
    this.#skipSpace();
    this.#value(1);
    this.#skipSpace();
    if (this.#at < this.#text.length) this.#refuse("trailing text");
  }

  /** `depth` is the level that a container at this place has; the recursion ends at the limit. */
  #value(depth: number): void {
    if (--this.#nodesLeft < 0) this.#refuse("too many values");
    switch (this.#text[this.#at]) {
      case "{":
        this.#members(depth);
        break;
      case "[":
        this.#elements(depth);
        break;
      case '"':
        this.#string();
        break;
      case "t":
        this.#literal("true");
        break;
      case "f":
        this.#literal("false");
        break;
      case "n":
        this.#literal("null");
        break;
      default:
        this.#number();
    }
  }

  /** Enters a container; false if it is empty and left again. */
  #open(depth: number, close: string): boolean {
    if (depth > this.#maxDepth) this.#refuse("nesting too deep");
    this.#at++;
    this.#skipSpace();
    return !this.#take(close);
  }

  #close(close: string): void {
    if (!this.#take(close)) this.#refuse("unexpected character or end");
  }

  #members(depth: number): void {
    if (!this.#open(depth, "}")) return;
    const names = new Names();
    do {
      this.#skipSpace();
      if (this.#text[this.#at] !== '"') this.#refuse("member name expected");
      const name = this.#string();
      if (name === "__proto__") this.#refuse("member name __proto__");
      if (!names.add(name)) this.#refuse("duplicate member name");
      if (names.size > this.#maxMembers) this.#refuse("too many members");
      this.#skipSpace();
      if (!this.#take(":")) this.#refuse("colon expected");
      this.#skipSpace();
      this.#path.push(name);
      this.#value(depth + 1);
      this.#path.pop();
      this.#skipSpace();
    } while (this.#take(","));
    this.#close("}");
  }

  #elements(depth: number): void {
    if (!this.#open(depth, "]")) return;
    let index = 0;
    do {
      this.#skipSpace();
      this.#path.push(index++);
      this.#value(depth + 1);
      this.#path.pop();
      this.#skipSpace();
    } while (this.#take(","));
    this.#close("]");
  }

  /** Reads a string and answers with its value. */
  #string(): string {
    const text = this.#text;
    const start = this.#at;
    let at = start + 1;
    let escaped = false;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code === 0x22) break;
      if (code > 0x1f && code !== 0x5c) {
        at++;
        continue;
      }
      this.#at = at;
      // Also NaN, the end of the text.
      if (code !== 0x5c) this.#refuse("unescaped control character or end of text in a string");
      escaped = true;
      this.#at++;
      this.#escape();
      at = this.#at;
    }
    this.#at = at + 1;
    if (!escaped) return text.slice(start + 1, at);
    const value = JSON.parse(text.slice(start, this.#at)) as string;
    if (!isWellFormed(value)) this.#refuse("escaped lone surrogate");
    return value;
  }

  #escape(): void {
    const letter = this.#text[this.#at++];
    if (letter === "u") {
      UNICODE_ESCAPE.lastIndex = this.#at;
      if (!UNICODE_ESCAPE.test(this.#text)) this.#refuse("bad escape");
      this.#at += 4;
    } else if (letter === undefined || !'"\\/bfnrt'.includes(letter)) this.#refuse("bad escape");
  }

  #number(): void {
    NUMBER.lastIndex = this.#at;
    const token = NUMBER.exec(this.#text)?.[0] ?? this.#refuse("value expected");
    const value = Number(token);
    if (!Number.isFinite(value)) this.#refuse("number beyond the range of float64");
    if (this.#isOwnInteger?.(this.#path) && !(OWN_INTEGER.test(token) && Number.isSafeInteger(value)))
      this.#refuse("not a plain integer up to 2^53-1");
    this.#at += token.length;
  }

  #literal(word: string): void {
    if (!this.#text.startsWith(word, this.#at)) this.#refuse("value expected");
    this.#at += word.length;
  }

  #skipSpace(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at++;
    }
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #refuse(what: string): never {
    return this.#fail(`${what}, at character ${this.#at}`);
  }
}
