// What each package.json must say, and what CONTRIBUTING.md must say about dependencies.
import { lineOf } from "./source.mjs";
import { packagesOf, result } from "./tree.mjs";

/** (f) @param {import("./tree.mjs").Tree} tree */
export function checkPackages(tree) {
  const failures = [];
  const packages = packagesOf(tree);
  const versions = new Map([...packages.values()].map((json) => [json.name, json.version]));
  const engines = tree.has("package.json") ? JSON.parse(tree.read("package.json")).engines?.node : undefined;
  for (const [folder, json] of packages) {
    const file = `packages/${folder}/package.json`;
    const at = (key) => {
      const text = tree.read(file);
      return `${file}:${lineOf(text, Math.max(0, text.indexOf(`"${key}"`)))}`;
    };
    const needed = json.private ? ["name", "version", "engines", "type"] : [];
    const published = ["name", "version", "description", "license", "engines", "type", "files", "exports"];
    for (const key of json.private ? needed : published) {
      if (json[key] === undefined) failures.push(`${file}:1 has no ${key}`);
    }
    // npm packs it from the package's own folder only.
    const license = `packages/${folder}/LICENSE`;
    if (!json.private && !(tree.has(license) && tree.read(license) === tree.read("LICENSE")))
      failures.push(`${license}:1 is not the LICENSE of the repository`);
    if (json.type !== undefined && json.type !== "module") failures.push(`${at("type")} type is not module`);
    if (json.engines !== undefined && json.engines.node !== engines) {
      failures.push(`${at("engines")} engines.node differs from the root's ${engines}`);
    }
    for (const [door, target] of Object.entries(json.exports ?? {})) {
      if (typeof target === "object" && target !== null && Object.keys(target)[0] !== "types") {
        failures.push(`${at(door)} exports ${door}: "types" comes first`);
      }
    }
    for (const [name, range] of Object.entries(json.dependencies ?? {})) {
      if (!/^\d+\.\d+\.\d+$/.test(range)) failures.push(`${at(name)} ${name} ${range}: dependencies are pinned`);
      const own = versions.get(name);
      if (own !== undefined && own !== range)
        failures.push(`${at(name)} ${name} is ${own} in this repository, not ${range}`);
    }
  }
  if (packages.size === 0) failures.push("packages:1 no package found");
  return result("package.json of every package", failures);
}

/** (f) @param {import("./tree.mjs").Tree} tree */
export function checkContributing(tree) {
  const name = "CONTRIBUTING.md explains every runtime dependency";
  if (!tree.has("CONTRIBUTING.md")) return result(name, ["CONTRIBUTING.md:1 is missing"]);
  const text = tree.read("CONTRIBUTING.md");
  const packages = packagesOf(tree);
  const own = new Set([...packages.values()].map((json) => json.name));
  const failures = [];
  for (const [folder, json] of packages) {
    for (const dependency of Object.keys({
      ...json.dependencies,
      ...json.optionalDependencies,
      ...json.peerDependencies,
    })) {
      if (own.has(dependency) || text.includes(`\`${dependency}\``)) continue;
      failures.push(`CONTRIBUTING.md:1 does not mention \`${dependency}\`, which packages/${folder} depends on`);
    }
  }
  return result(name, failures);
}
