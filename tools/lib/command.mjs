// A command that one package brings: builds what changed, then runs it with the arguments as they are.
import { join } from "node:path";
import { install, turbo } from "../prepare.mjs";
import { block } from "./report.mjs";
import { root, runNode } from "./run.mjs";

/** @param {string} name folder under packages @param {string} main its program, relative to dist */
export async function runCommandOf(name, main) {
  if (!(await install())) process.exit(1);
  const built = await turbo("build", `--filter=@sealwire/${name}`);
  if (!built.ok) {
    block(built.output);
    process.exit(1);
  }
  const program = join(root, "packages", name, "dist", main);
  const options = { show: true, cwd: process.cwd(), env: process.env };
  const { code } = await runNode([program, ...process.argv.slice(2)], options);
  process.exit(code);
}
