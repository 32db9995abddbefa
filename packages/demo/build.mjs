// Builds the demo: the Node part with tsc, the page with esbuild. Output: dist/main.js and dist/static/.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Puts the page's static files and its bundled code into `folder`. Tests build it too, so that they see the sources. */
export async function buildPage(folder) {
  mkdirSync(folder, { recursive: true });
  cpSync(here("static"), folder, { recursive: true });
  await build({
    entryPoints: [here("src/page/main.ts")],
    outfile: join(folder, "app.js"),
    bundle: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    minify: true,
    sourcemap: true,
    legalComments: "none",
    logLevel: "warning",
  });
}

async function buildAll() {
  rmSync(here("dist"), { recursive: true, force: true });
  const typescript = createRequire(import.meta.url).resolve("typescript/package.json");
  const tsc = typescript.replace("package.json", "bin/tsc");
  const { status } = spawnSync(process.execPath, [tsc, "-p", here("tsconfig.build.json")], { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
  await buildPage(here("dist/static"));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildAll();
