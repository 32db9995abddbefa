// A walk of the built output: what a browser loads, and that nothing runs text as code.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { packagesOf, result } from "./tree.mjs";

const EVAL =
  /(?<![\w$.])eval\s*\(|\bnew\s+Function\b|(?<![\w$.])Function\s*\(|\b(?:globalThis|window|self)\s*\.\s*eval\b/g;

const excerpt = (text, index) => text.slice(Math.max(0, index - 30), index + 50).replace(/\s+/g, " ");

/** Minified, without comments: what stands there runs or is data. */
async function strip(esbuild, code) {
  const options = { minifyWhitespace: true, legalComments: "none", loader: "js", logLevel: "silent" };
  return (await esbuild.transform(code, options)).code;
}

/** (e) @param {import("./tree.mjs").Tree} tree */
export async function checkBrowserBundle(tree) {
  const name = "client in a browser: no node:, no eval";
  if (!packagesOf(tree).has("client")) return result(name, [], ["packages/client is not there yet"]);
  const entry = "packages/client/dist/index.js";
  if (!existsSync(join(tree.root, entry))) return result(name, [`${entry}:1 is missing: run npm run build`]);
  const esbuild = await import("esbuild");
  let built;
  try {
    built = await esbuild.build({
      absWorkingDir: tree.root,
      entryPoints: [entry],
      bundle: true,
      write: false,
      minify: true,
      metafile: true,
      platform: "browser",
      format: "esm",
      target: "es2022",
      legalComments: "none",
      logLevel: "silent",
    });
  } catch (error) {
    const messages = error.errors ?? [{ text: String(error) }];
    return result(
      name,
      messages.map(({ location, text }) => `${location?.file ?? entry}:${location?.line ?? 1} ${text}`),
    );
  }
  const failures = [];
  const code = built.outputFiles[0].text;
  for (const { path } of Object.values(built.metafile.outputs)[0].imports)
    failures.push(`${entry}:1 still imports ${path}`);
  for (const match of code.matchAll(/["'`]node:[\w/]+["'`]/g)) {
    failures.push(`${entry}:1 the bundle names ${match[0]}: ${excerpt(code, match.index)}`);
  }
  for (const match of code.matchAll(EVAL)) failures.push(`${entry}:1 the bundle holds ${excerpt(code, match.index)}`);
  const packed = gzipSync(code, { level: 9 }).length;
  const notes = [`${(code.length / 1000).toFixed(1)} kB minified, ${(packed / 1000).toFixed(1)} kB gzip`];
  return result(name, failures, notes);
}

function scripts(root, folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? scripts(root, path) : /\.[cm]?js$/.test(entry.name) ? [path] : [];
  });
}

/** (e) @param {import("./tree.mjs").Tree} tree */
export async function checkBuiltOutput(tree) {
  const failures = [];
  const esbuild = await import("esbuild");
  const { readFile } = await import("node:fs/promises");
  let count = 0;
  for (const [folder, json] of packagesOf(tree)) {
    const dist = `packages/${folder}/dist`;
    if (!existsSync(join(tree.root, dist))) {
      failures.push(`${dist}:1 is missing: run npm run build`);
      continue;
    }
    for (const target of Object.values(json.exports ?? {}).flatMap(targets)) {
      const path = join(`packages/${folder}`, target);
      if (!existsSync(join(tree.root, path))) failures.push(`${path}:1 is exported and was not built`);
    }
    for (const file of scripts(tree.root, dist)) {
      count++;
      let code = "";
      try {
        code = await strip(esbuild, await readFile(join(tree.root, file), "utf8"));
      } catch (error) {
        failures.push(
          `${file}:${error.errors?.[0]?.location?.line ?? 1} cannot be read: ${error.errors?.[0]?.text ?? error.message}`,
        );
      }
      for (const match of code.matchAll(EVAL)) failures.push(`${file}:1 holds ${excerpt(code, match.index)}`);
    }
  }
  return result("built output: every export there, no eval", failures, [`${count} files`]);
}

const targets = (target) => (typeof target === "string" ? [target] : Object.values(target ?? {}).flatMap(targets));
