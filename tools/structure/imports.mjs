// Who may import whom (architecture, section 1).
import { posix } from "node:path";
import { importsOf, placesInCode } from "./source.mjs";
import { packagesOf, result, sourcesOf } from "./tree.mjs";

/** Lower may not import higher. Within one layer everything may. */
const LAYERS = ["wire", "crypto", "keys", "envelope", "replay", "standalone", "session"];
/** Files of core/src that lie under all layers, and the doors that lie above. */
const BASE = ["errors.ts", "maybe.ts", "registry.generated.ts"];
const DOORS = ["index.ts", "internal.ts"];
const CORE_DEPENDENCIES = ["jose", "cbor-x"];
/** Layers that get time, randomness and bytes handed in. */
const PURE = ["wire", "envelope", "replay", "standalone", "session"];
const IMPURE =
  /(?<![\w$])(?:setTimeout|setInterval|setImmediate|Date\s*\.\s*now|performance\s*\.\s*now|Math\s*\.\s*random|getRandomValues|randomUUID|new\s+WebSocket)\b|\bnew\s+Date\b(?!\s*\(\s*[^)\s])/g;
/** Who may look inside a package. */
const INTERNAL_USERS = {
  "@sealwire/core": ["core", "client", "server", "conformance", "testing", "bench"],
  "@sealwire/client": ["client", "testing", "bench"],
  "@sealwire/server": ["server", "conformance", "testing"],
};

const SRC = "packages/core/src/";

function rank(path) {
  const inside = path.slice(SRC.length);
  if (BASE.includes(inside)) return -1;
  if (DOORS.includes(inside)) return LAYERS.length;
  const layer = LAYERS.indexOf(inside.split("/")[0]);
  return inside.includes("/") && layer >= 0 ? layer : undefined;
}

function resolve(file, specifier) {
  return posix.join(posix.dirname(file), specifier);
}

const nameOf = (specifier) => /^(@[^/]+\/[^/]+|[^/]+)/.exec(specifier)?.[1] ?? specifier;

/** (a) `wire <- crypto <- keys <- envelope <- replay <- standalone <- session`. @param {import("./tree.mjs").Tree} tree */
export function checkCoreDirection(tree) {
  const failures = [];
  for (const file of sourcesOf(tree, "core")) {
    const own = rank(file);
    if (own === undefined) failures.push(`${file}:1 belongs to no layer: ${LAYERS.join(", ")}, or ${BASE.join(", ")}`);
    for (const { specifier, line } of importsOf(tree.read(file))) {
      if (specifier === undefined) {
        failures.push(`${file}:${line} imports something computed at run time`);
      } else if (specifier === "#backend") {
        if (own === 0) failures.push(`${file}:${line} wire imports #backend: wire knows no crypto`);
      } else if (specifier.startsWith(".")) {
        const target = resolve(file, specifier);
        const other = rank(target);
        if (!target.startsWith(SRC)) failures.push(`${file}:${line} imports ${specifier}, outside of core/src`);
        else if (other === undefined) failures.push(`${file}:${line} imports ${specifier}, which is in no layer`);
        else if (own !== undefined && own < other) {
          failures.push(`${file}:${line} imports ${specifier}: against the direction base <- ${LAYERS.join(" <- ")}`);
        }
      }
    }
  }
  return result("core: import direction", failures);
}

/** The backend of Node: what the condition "node" of the package leads to, and nothing else imports. */
const OF_NODE = /^packages\/core\/src\/crypto\/node(-[a-z]+)?\.ts$/;

/** (a) No socket, clock, timer or randomness of its own. @param {import("./tree.mjs").Tree} tree */
export function checkCorePurity(tree) {
  const failures = [];
  for (const file of sourcesOf(tree, "core")) {
    const layer = file.slice(SRC.length).split("/")[0];
    const text = tree.read(file);
    for (const { specifier = "", line } of importsOf(text)) {
      if (specifier.startsWith("node:") && !OF_NODE.test(file)) {
        failures.push(`${file}:${line} imports ${specifier}: only crypto/node.ts and its parts may`);
      } else if (/\/node-[a-z]+\.ts$/.test(specifier) && !OF_NODE.test(file)) {
        failures.push(`${file}:${line} imports ${specifier}: a part of crypto/node.ts`);
      } else if (/^[^.#]/.test(specifier) && !specifier.startsWith("node:")) {
        if (!CORE_DEPENDENCIES.includes(nameOf(specifier))) {
          failures.push(
            `${file}:${line} imports ${specifier}: core depends on ${CORE_DEPENDENCIES.join(" and ")} only`,
          );
        }
      }
    }
    if (!PURE.includes(layer)) continue;
    for (const place of placesInCode(text, IMPURE)) {
      failures.push(`${file}:${place.line} uses ${place.text}: time, timers and randomness are handed in`);
    }
  }
  const core = packagesOf(tree).get("core");
  for (const name of Object.keys(core?.dependencies ?? {})) {
    if (!CORE_DEPENDENCIES.includes(name)) failures.push(`packages/core/package.json:1 depends on ${name}`);
  }
  return result("core: no socket, clock, timer; only jose and cbor-x", failures);
}

/** (b) Packages meet at their declared exports only. @param {import("./tree.mjs").Tree} tree */
export function checkBorders(tree) {
  const failures = [];
  const packages = packagesOf(tree);
  const byName = new Map([...packages].map(([folder, json]) => [json.name, { folder, json }]));
  for (const [folder, json] of packages) {
    const home = `packages/${folder}/`;
    const tests = tree.files.filter((file) => file.startsWith(`${home}test/`) && /\.[cm]?[jt]s$/.test(file));
    for (const file of [...sourcesOf(tree, folder), ...tests]) {
      const isSource = file.startsWith(`${home}src/`);
      for (const { specifier, line } of importsOf(tree.read(file))) {
        const why = specifier && fault({ specifier, file, folder, home, isSource, json, byName });
        if (why) failures.push(`${file}:${line} imports ${specifier}: ${why}`);
      }
    }
  }
  return result("packages meet at their exports", failures);
}

function fault({ specifier, file, folder, home, isSource, json, byName }) {
  if (specifier.startsWith(".")) {
    const target = resolve(file, specifier);
    if (target.startsWith("packages/") && !target.startsWith(home)) return "another package's file";
    return isSource && !target.startsWith(home) ? "outside of its package" : undefined;
  }
  if (specifier.startsWith("/") || specifier.startsWith("file:")) return "an absolute path";
  if (specifier.startsWith("#") || specifier.startsWith("node:")) return undefined;
  const name = nameOf(specifier);
  const other = byName.get(name);
  if (other) {
    const pair = [folder, other.folder].sort().join();
    if (isSource && pair === "client,server") return "client and server never import each other";
    const door = `.${specifier.slice(name.length)}`;
    if (!(door in (other.json.exports ?? {}))) return `${name} does not export ${door}`;
    const users = INTERNAL_USERS[name];
    if (/^\.\/internal(\/|$)/.test(door) && users && !users.includes(folder)) {
      return `only ${users.filter((user) => user !== other.folder).join(", ")} may look inside ${other.folder}`;
    }
  }
  const declared = { ...json.dependencies, ...json.peerDependencies, ...json.optionalDependencies };
  if (isSource && name !== json.name && !(name in declared)) return `not among the dependencies of ${json.name}`;
  return undefined;
}
