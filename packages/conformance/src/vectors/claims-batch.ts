// Batches and, in codec json, bytes: what stands in place of dat.
import { item, type Members, Sheet } from "./claims-sheet.ts";
import type { Group } from "./file.ts";

const SHAPE = ["batch:shape"];
/** What a batch leaves out. */
const NONE = { top: undefined, dat: undefined };
const ITEM = ["chat.say", null, "hello"];

export const batches = (): readonly Group[] => (["json", "cbor"] as const).map(batch);

function batch(codec: "json" | "cbor"): Group {
  const sheet = new Sheet(`batch-${codec}`, "envelope.md#7-requests-replies-batches", codec, "aead");
  const accept = (
    name: string,
    comment: string,
    bat: unknown,
    items: readonly object[],
    req = [...SHAPE, "batch:list"],
  ): void => sheet.accept(name, comment, req, { ...NONE, bat }, { seq: 1, items });
  accept("one", "a batch of one item", [ITEM], [item("hello")]);
  const three = [ITEM, ["a", [7, 3], null], ["b", null, { x: [1] }, true]];
  accept("three", "one-way, reply and request, in order", three, [
    item("hello"),
    item(null, "a", [7, 3]),
    item({ x: [1] }, "b", null, true),
  ]);
  accept("ref-number", "a reply to a message that was no batch", [["a", 7, 0]], [item(0, "a", 7)]);
  accept("arrays", "data that looks like an item", [["a", null, ["b", null, "x"]]], [item(["b", null, "x"], "a")]);
  accept(
    "names",
    "constructor is a name like others below depth 1",
    [["a", null, { constructor: 1 }]],
    [item({ constructor: 1 }, "a")],
  );

  const refuse = (name: string, mutation: string, bat: unknown, from = "one", req = SHAPE): void =>
    sheet.refuse(name, from, mutation, req, { bat });
  refuse("empty", "no item", []);
  refuse("object", "an object in place of the array", { 0: ITEM });
  refuse("text", "a string in place of the array", "chat.say");
  refuse("null", "null in place of the array", null);
  refuse("flat", "an item in place of the array of items", ITEM);
  refuse("item-object", "the item as an object", [{ top: "chat.say", dat: "hello" }]);
  refuse("item-empty", "an item without elements", [[]]);
  refuse("item-two", "an item without data", [["chat.say", null]]);
  refuse("item-five", "an element after the flag of a request", [["chat.say", null, "hello", true, null]]);
  refuse("second-item", "the second of three items without data", [three[0], ["a", [7, 3]], three[2]], "three");
  refuse("topic-null", "an item without topic", [[null, null, "hello"]]);
  refuse("topic-space", "a topic with a space", [["chat say", null, "hello"]]);
  refuse("topic-empty", "an empty topic", [["", null, "hello"]]);
  refuse("flag-false", "a flag that is false", [[...ITEM, false]]);
  refuse("flag-null", "a flag that is null", [[...ITEM, null]]);
  refuse("flag-one", "a flag that is 1", [[...ITEM, 1]]);
  refuse("request-with-ref", "a request with a ref", [["chat.say", 7, "hello", true]]);
  refuse("ref-zero", "a ref of 0", [["chat.say", 0, "hello"]], "one", [...SHAPE, "req:ref-shape"]);
  refuse("ref-text", "a ref as text", [["chat.say", "7", "hello"]], "one", [...SHAPE, "req:ref-shape"]);
  refuse("ref-index-256", "a ref to item 256", [["chat.say", [7, 256], "hello"]], "one", [...SHAPE, "req:ref-shape"]);
  refuse(
    "proto",
    "a member __proto__ in the data of an item",
    [["a", null, Object.fromEntries([["__proto__", 1]])]],
    "one",
    ["claims:proto"],
  );
  const beside: Members = { top: "chat.say", ref: 7, req: true, dat: null, ...(codec === "json" ? { bin: "" } : {}) };
  for (const [name, value] of Object.entries(beside)) {
    sheet.refuse(`with-${name}`, "one", `${name} beside bat`, SHAPE, { [name]: value });
  }
  return sheet.group;
}

/** `bin`, which exists in codec json alone. */
export function bin(): Group {
  const sheet = new Sheet("bin", "envelope.md#6-codecs", "json", "aead");
  const req = ["b64:member"];
  const accept = (name: string, comment: string, bin: string, bytes: string): void =>
    sheet.accept(name, comment, req, { dat: undefined, bin }, { items: [item({ $bytes: bytes })] });
  accept("empty", "no bytes", "", "");
  accept("one", "one byte", "_w", "ff");
  accept("two", "two bytes", "-_8", "fbff");
  accept("three", "three bytes", "AAEC", "000102");
  const refuse = (name: string, from: string, mutation: string, bin: unknown, more = req): void =>
    sheet.refuse(name, from, mutation, more, { bin });
  refuse("padding", "one", "padding appended", "_w==");
  refuse("plain", "one", "the alphabet of plain base64", "/w");
  refuse("pad-bits-4", "one", "the last of four pad bits set", "_x");
  refuse("pad-bits-2", "two", "the last of two pad bits set", "-_9");
  refuse("length", "three", "an impossible length", "AAECA");
  refuse("space", "three", "a space inside", "AA EC");
  refuse("newline", "three", "a line break at the end", "AAEC\n");
  const table = ["claims:table"];
  refuse("number", "one", "a number", 255, table);
  refuse("null", "empty", "null", null, table);
  refuse("array", "one", "an array of bytes", [255], table);
  sheet.refuse("with-dat", "one", "dat beside bin", table, { dat: null });
  return sheet.group;
}
