// What may not stand in the sources, and how long a file may be.
import { lineOf, maskSource, placesInCode } from "./source.mjs";
import { codeOf, packagesOf, result, sourcesOf } from "./tree.mjs";

const CEILING = 500;
const THINK = 300;

/** (c) @param {import("./tree.mjs").Tree} tree */
export function checkSizes(tree) {
  const failures = [];
  const notes = [];
  const counted = tree.files.filter(
    (file) =>
      /^(packages\/[^/]+\/(src\/|drivers\/|[^/]+\.mjs$)|tools\/)/.test(file) &&
      /\.([cm]?[jt]sx?|css|html|py|go|java|rs)$/.test(file) &&
      !file.endsWith(".generated.ts"),
  );
  const sizes = counted.map((file) => ({ file, lines: tree.read(file).replace(/\n$/, "").split("\n").length }));
  sizes.sort((a, b) => b.lines - a.lines);
  for (const { file, lines } of sizes) {
    if (lines > CEILING) failures.push(`${file}:${CEILING + 1} has ${lines} lines, the ceiling is ${CEILING}`);
    else if (lines > THINK) notes.push(`${file} has ${lines} lines`);
  }
  if (sizes.length === 0) failures.push("packages:1 no sources found");
  else notes.unshift(`${sizes.length} files, median ${sizes[Math.floor(sizes.length / 2)].lines} lines`);
  return result(`files of at most ${CEILING} lines`, failures, notes);
}

/** (d) @param {import("./tree.mjs").Tree} tree */
export function checkNoEval(tree) {
  const pattern = /(?<![\w$.])(?:eval|Function)\s*\(|\b(?:globalThis|window|self)\s*\.\s*eval\b/g;
  const failures = codeOf(tree).flatMap((file) =>
    placesInCode(tree.read(file), pattern).map(({ line, text }) => `${file}:${line} ${text.trim()} runs text as code`),
  );
  return result("sources: no eval, no new Function", failures);
}

/** (d) A test is either run or says why not. @param {import("./tree.mjs").Tree} tree */
export function checkTestsRun(tree) {
  const failures = [];
  for (const file of codeOf(tree)) {
    const source = tree.read(file);
    for (const { line, text } of placesInCode(source, /\.(?:only|todo)\b(?=\s*[.(])/g)) {
      failures.push(`${file}:${line} ${text} hides tests`);
    }
    const { bare } = maskSource(source);
    for (const match of bare.matchAll(/(\w+)(?:\.\w+)*\.skip\s*\(/g)) {
      if (skipHasReason(source, bare, match)) continue;
      const line = lineOf(source, match.index);
      failures.push(
        `${file}:${line} .skip without a reason: a comment "skip: why" in or above its line, or context.skip("why")`,
      );
    }
  }
  return result("tests: none hidden, none skipped without a reason", failures);
}

/** `test.skip("name")` has a name and no reason; `context.skip("why")` has one. */
function skipHasReason(source, bare, match) {
  if (!/^(it|test|describe|suite|bench)$/.test(match[1])) {
    const open = match.index + match[0].length;
    const close = bare.indexOf(")", open);
    if (/(["'`])[^"'`]{3,}\1/.test(source.slice(open, close))) return true;
  }
  const lines = source.split("\n");
  const at = lineOf(source, match.index) - 1;
  return [lines[at], lines[at - 1] ?? ""].some((line) => /\/\/.*\bskip: \S+/.test(line));
}

/** (d) @param {import("./tree.mjs").Tree} tree */
export function checkLeftovers(tree) {
  const failures = [];
  const files = tree.files.filter((file) => /\.([cm]?[jt]sx?|css|html|sh|ya?ml)$|^\.ci\//.test(file));
  for (const file of files) {
    const text = tree.read(file);
    for (const match of text.matchAll(/\b(?:TOD[O]|FIXM[E]|XX[X])\b/g)) {
      failures.push(`${file}:${lineOf(text, match.index)} ${match[0]}: finish it, or make it an issue`);
    }
  }
  return result("sources: nothing left to do", failures);
}

const LIBRARIES = ["core", "client", "server", "issuer"];
const HABITS = [
  { pattern: /\bexport\s+default\b|\bas\s+default\b/g, why: "default export: exports have names", only: undefined },
  { pattern: /\benum\s+\w+\s*\{/g, why: "enum: a union of literals instead", only: undefined },
  { pattern: /(?<![\w$.])console\s*[.[]/g, why: "console: a library does not print", only: LIBRARIES },
  {
    pattern: /\bexport\s+(?:async\s+)?(?:function|const|let)\s+then\b|\bexport\s*\{[^}]*\bthen\s*[,}]|\bas\s+then\b/g,
    why: "an export named then: import() takes the module for a promise",
    only: undefined,
  },
];

/** (d) @param {import("./tree.mjs").Tree} tree */
export function checkHabits(tree) {
  const failures = [];
  for (const name of packagesOf(tree).keys()) {
    for (const file of sourcesOf(tree, name)) {
      for (const { pattern, why, only } of HABITS) {
        if (only && !only.includes(name)) continue;
        for (const { line } of placesInCode(tree.read(file), pattern)) failures.push(`${file}:${line} ${why}`);
      }
    }
  }
  return result("packages: named exports, no enum, no console", failures);
}

/** (g) @param {import("./tree.mjs").Tree} tree */
export function checkPlaces(tree) {
  const pattern =
    /registry[.](?:npmjs|yarnpkg|npmmirror)|npm[.]pkg[.]github|(?<![\w.~*-])[/](?:work|root|home[/]\w+|Users[/]\w+)[/]/g;
  const failures = [];
  for (const file of tree.files) {
    const text = tree.read(file);
    for (const match of text.matchAll(pattern)) {
      failures.push(`${file}:${lineOf(text, match.index)} names ${match[0]}: a registry or a place of one machine`);
    }
  }
  for (const file of codeOf(tree)) {
    const { code, bare } = maskSource(tree.read(file));
    for (const match of code.matchAll(/\bnew URL\(\s*["'`]((?:\.\.?\/)+)[^)]*import\.meta/g)) {
      const up = match[1].split("../").length - 1;
      if (up < file.split("/").length || bare[match.index] !== "n") continue;
      // Third-party vectors stand beside the repository; tests that read them skip in one loud line where they are absent.
      if (/["'`](?:\.\.\/)+shared\/external\//.test(match[0])) continue;
      failures.push(
        `${file}:${lineOf(code, match.index)} reaches out of the repository: a fresh clone has nothing there`,
      );
    }
  }
  const npmrc = tree.has(".npmrc") ? tree.read(".npmrc") : "";
  for (const match of npmrc.matchAll(/^\s*[^#;\s]*registry\s*=.*$|^.*_auth.*$/gm)) {
    failures.push(`.npmrc:${lineOf(npmrc, match.index)} names a registry or a credential`);
  }
  return result("no registry hosts, no paths of a machine", failures);
}

/** (g) @param {import("./tree.mjs").Tree} tree */
export function checkLockfile(tree) {
  const name = "lockfile: no addresses";
  if (!tree.has("package-lock.json")) return result(name, ["package-lock.json:1 is missing"]);
  const text = tree.read("package-lock.json");
  const failures = [...text.matchAll(/"resolved":\s*"([^"]*:\/\/[^"]*)"/g)].map(
    (match) => `package-lock.json:${lineOf(text, match.index)} resolved ${match[1]}`,
  );
  return result(name, failures);
}
