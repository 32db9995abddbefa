// What each error code means, from the registry.
import { readFileSync } from "node:fs";
import { repository } from "../repository.ts";
import { type Generator, Group } from "./file.ts";

interface ErrorEntry {
  readonly code: string;
  readonly steps: readonly string[];
  readonly close: number | null;
  readonly fatal: boolean;
  readonly text: string;
}

const read = (name: string): unknown => JSON.parse(readFileSync(repository(`specs/registry/${name}.json`), "utf8"));

export const generate: Generator = () => {
  const { errors } = read("errors") as { readonly errors: readonly ErrorEntry[] };
  const { closeCodes } = read("close-codes") as { readonly closeCodes: readonly { code: number; name: string }[] };
  const names = new Map(closeCodes.map(({ code, name }) => [code, name]));
  const group = new Group("errors/codes", { level: "L1", section: "envelope.md#10-errors", op: "error.info" });
  for (const { code, steps, close, fatal, text } of errors) {
    const name = close === null ? null : names.get(close);
    const id = code.toLowerCase().replaceAll("_", "-");
    group.accept(id, text, ["close:code"], { code }, { steps, fatal, close, name });
  }
  return [group];
};
