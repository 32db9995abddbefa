// The files of the repository as the checks see them; a fixture in memory looks the same.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * @typedef {object} Tree
 * @property {string} root where built output is found; "" for a tree in memory
 * @property {readonly string[]} files paths with forward slashes, sorted
 * @property {(path: string) => string} read
 * @property {(path: string) => boolean} has
 */

/** @typedef {{ name: string, ok: boolean, failures: string[], notes: string[], ms?: number }} CheckResult */

const SKIPPED = new Set(["node_modules", "dist", "build", "target", ".git", ".turbo", ".cache", "coverage"]);
const BINARY = /\.(png|jpe?g|gif|ico|webp|woff2?|pdf|zip|gz|wasm)$/i;

/** The files that git tracks or would track; without git, everything but installed and built files. @returns {Tree} */
export function treeOnDisk(root) {
  let files;
  try {
    const args = ["-C", root, "ls-files", "-co", "--exclude-standard", "-z"];
    const out = execFileSync("git", args, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      maxBuffer: 1 << 26,
    });
    files = [...new Set(out.split("\0").filter(Boolean))].filter((file) => existsSync(join(root, file)));
  } catch {
    files = walk(root, "");
  }
  files = files.filter((file) => !BINARY.test(file)).sort();
  const cache = new Map();
  const read = (path) => {
    if (!cache.has(path)) cache.set(path, readFileSync(join(root, path), "utf8"));
    return cache.get(path);
  };
  const names = new Set(files);
  return { root, files, read, has: (path) => names.has(path) };
}

function walk(root, folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (SKIPPED.has(entry.name)) return [];
    const path = folder ? `${folder}/${entry.name}` : entry.name;
    return entry.isDirectory() ? walk(root, path) : entry.isFile() ? [path] : [];
  });
}

/** @param {Record<string, string>} contents @returns {Tree} */
export function treeInMemory(contents) {
  const read = (path) => {
    if (!(path in contents)) throw new Error(`no ${path}`);
    return contents[path];
  };
  return { root: "", files: Object.keys(contents).sort(), read, has: (path) => path in contents };
}

/** The packages: folder name -> package.json. @param {Tree} tree @returns {Map<string, any>} */
export function packagesOf(tree) {
  const found = new Map();
  for (const file of tree.files) {
    const match = /^packages\/([^/]+)\/package\.json$/.exec(file);
    if (match) found.set(match[1], JSON.parse(tree.read(file)));
  }
  return found;
}

/** @param {Tree} tree @param {string} name folder under packages */
export function sourcesOf(tree, name) {
  return tree.files.filter((file) => file.startsWith(`packages/${name}/src/`) && /\.[cm]?[jt]sx?$/.test(file));
}

/** Everything written by hand that runs. @param {Tree} tree */
export function codeOf(tree) {
  return tree.files.filter((file) => /\.[cm]?[jt]sx?$/.test(file) && !file.endsWith(".generated.ts"));
}

/** @param {string} name @param {string[]} failures @param {string[]} [notes] @returns {CheckResult} */
export function result(name, failures, notes = []) {
  return { name, ok: failures.length === 0, failures, notes };
}
