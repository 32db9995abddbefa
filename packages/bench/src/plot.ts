import { mkdirSync, writeFileSync } from "node:fs";

const PLOTS = new URL("../plots/", import.meta.url);

/** Written beside the report; answers with what the report says to show it. */
export function plot(name: string, svg: string): string {
  mkdirSync(PLOTS, { recursive: true });
  writeFileSync(new URL(`${name}.svg`, PLOTS), svg);
  return `![](plots/${name}.svg)`;
}
