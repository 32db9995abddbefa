#!/usr/bin/env node
// Writes what is generated from specs/registry and specs/formal: the constants of core and the tables in documents.
// `--check` writes nothing and fails where a file differs.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { readModels } from "./lib/formal.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const check = process.argv.includes("--check");
const read = (name) => JSON.parse(readFileSync(`${root}specs/registry/${name}.json`, "utf8"));
const { errors, steps } = read("errors");
const { closeCodes } = read("close-codes");
const { limits } = read("limits");
const suites = read("suites");

const union = (values) => values.map((v) => JSON.stringify(v)).join(" | ");
const record = (entries) =>
  `{\n${entries.map(([k, v]) => `  ${JSON.stringify(k)}: ${JSON.stringify(v)},`).join("\n")}\n}`;

const core = `// Generated from specs/registry by tools/generate.mjs. Do not edit.

/** Every error code of the protocol and of the SDKs. */
export type ErrorCode = ${union(errors.map((e) => e.code))};

/** The steps of the receive pipeline in their normative order, and "local" for errors of the SDK itself. */
export type Stage = ${union([...steps, "local"])};

export const STEPS: readonly Stage[] = ${JSON.stringify(steps)};

export interface ErrorInfo { readonly steps: readonly Stage[]; readonly close: number | null; readonly fatal: boolean; readonly text: string; readonly mend: string }

export const ERRORS: Readonly<Record<ErrorCode, ErrorInfo>> = ${record(errors.map(({ code, ...rest }) => [code, rest]))};

export interface CloseCodeInfo { readonly name: string; readonly peerError: ErrorCode; readonly action: string }

export const CLOSE_CODES: Readonly<Record<number, CloseCodeInfo>> = ${record(closeCodes.map(({ code, ...rest }) => [String(code), rest]))};

/** Limits with their defaults; every one can be lowered, and raised only explicitly. */
export interface Limits {
${limits.map((l) => `  /** ${l.text}; ${l.unit}, default ${l.default}; beyond it ${l.breach}. */\n  readonly ${l.name}: number;`).join("\n")}
}

export const DEFAULT_LIMITS: Limits = ${record(limits.map((l) => [l.name, l.default]))};

/** Part of the protocol: a sender counts on them, so no side changes them. */
export const FIXED_LIMITS: ReadonlySet<string> = new Set(${JSON.stringify(limits.filter((l) => l.fixed).map((l) => l.name))});

export type Level = ${union(suites.levels)};
export type Codec = ${union(suites.codecs)};
export type SuiteId = ${union(suites.suites.map((s) => s.id))};
export type SignatureAlg = ${union(suites.signatures.map((s) => s.alg))};
export type Subprotocol = ${union(suites.subprotocols)};
export const LEVELS: readonly Level[] = ${JSON.stringify(suites.levels)};
export const CODECS: readonly Codec[] = ${JSON.stringify(suites.codecs)};
export const SUITES: readonly SuiteId[] = ${JSON.stringify(suites.suites.map((s) => s.id))};
export const SIGNATURE_ALGS: readonly SignatureAlg[] = ${JSON.stringify(suites.signatures.map((s) => s.alg))};
export const SUBPROTOCOLS: readonly Subprotocol[] = ${JSON.stringify(suites.subprotocols)};
export const ERR_CODES: readonly ErrorCode[] = ${JSON.stringify(suites.errCodes)};
`;

let stale = 0;
function put(path, text) {
  let old = "";
  try {
    old = readFileSync(root + path, "utf8");
  } catch {}
  if (old === text) return;
  if (check) {
    stale++;
    console.error(`stale: ${path} (run: npm run generate)`);
  } else {
    writeFileSync(root + path, text);
    console.log(`wrote ${path}`);
  }
}

/** Replaces what stands between <!-- generated:NAME --> and <!-- /generated --> in a document. */
function table(path, name, text) {
  const doc = readFileSync(root + path, "utf8");
  const pattern = new RegExp(`(<!-- generated:${name} -->\n)[\\s\\S]*?(<!-- /generated -->)`);
  if (!pattern.test(doc)) throw new Error(`${path} has no place for ${name}`);
  put(
    path,
    doc.replace(pattern, (_, open, close) => `${open}${text}\n${close}`),
  );
}

put("packages/core/src/registry.generated.ts", core);

const code = (value) => (value === null || value === "" ? "" : `\`${value}\``);
const list = (values) => values.map(code).join(", ");
const rows = (head, lines) =>
  [`| ${head.join(" | ")} |`, `|${"---|".repeat(head.length)}`, ...lines.map((l) => `| ${l.join(" | ")} |`)].join("\n");
const typ = read("typ").typ;

const errorTable = rows(
  ["code", "steps", "close", "fatal", "meaning", "what mends it"],
  errors.map((e) => [code(e.code), e.steps.join(", "), e.close ?? "", e.fatal ? "yes" : "no", e.text, e.mend]),
);
const limitTable = rows(
  ["limit", "value", "unit", "breach", "what it bounds", "set by"],
  limits.map((l) => [
    code(l.name),
    l.default,
    l.unit,
    code(l.breach),
    l.text,
    l.fixed ? "the protocol" : "the endpoint",
  ]),
);
const closeTable = rows(
  ["close code", "coarse name", "error codes", "action"],
  closeCodes.map((c) => [
    c.code,
    code(c.name),
    list(errors.filter((e) => e.close === c.code).map((e) => e.code)),
    c.action,
  ]),
);
table("specs/envelope.md", "errors", errorTable);
table(
  "specs/envelope.md",
  "typ",
  rows(
    ["`typ`", "object"],
    typ.map((t) => [code(t.typ), t.text]),
  ),
);
table("specs/conventions.md", "limits", limitTable);
table("specs/session.md", "close-codes", closeTable);
table(
  "specs/suites.md",
  "suites",
  rows(
    ["suite", "key agreement", "KDF", "AEAD", "MAC", "status"],
    suites.suites.map((s) => [code(s.id), s.kex, s.kdf, s.aead, s.mac, s.status]),
  ),
);
table(
  "specs/suites.md",
  "signatures",
  rows(
    ["`alg`", "`kty`", "`crv`", "status"],
    suites.signatures.map((s) => [code(s.alg), code(s.kty), code(s.crv), s.status]),
  ),
);
table(
  "specs/suites.md",
  "names",
  rows(
    ["what", "names"],
    [
      ["subprotocols", list(suites.subprotocols)],
      ["levels", list(suites.levels)],
      ["codecs", list(suites.codecs)],
    ],
  ),
);
table("specs/README.md", "index", requirementIndex());

const models = readModels();
const rules = (m) => list(m.rules);
table(
  "specs/formal/README.md",
  "spin",
  rows(
    ["model", "case", "defines", "expected", "what it shows", "rules"],
    models.spin.map((m) => [code(m.file), m.name, list(m.defines), m.expected, m.shows, rules(m)]),
  ),
);
table(
  "specs/formal/README.md",
  "proverif",
  rows(
    ["model", "case", "queries", "result", "what it shows", "rules"],
    models.proverif.map((m) => [code(m.file), m.name, m.queries.join(" "), m.expected, m.shows, rules(m)]),
  ),
);

/** Requirement counts by document; nothing where the requirements are not there yet. */
function requirementIndex() {
  const documents = readdirSync(`${root}specs/requirements`).filter((name) => name.endsWith(".json"));
  const counted = documents.map((name) => JSON.parse(readFileSync(`${root}specs/requirements/${name}`, "utf8")));
  const count = (d, ...levels) => d.requirements.filter((r) => levels.includes(r.level)).length;
  return rows(
    ["document", "requirements", "recommendations", "options"],
    counted.map((d) => [d.document, count(d, "MUST", "MUST NOT"), count(d, "SHOULD", "SHOULD NOT"), count(d, "MAY")]),
  );
}

// Examples and figures come from the built packages: after a change of the registry, build and generate once more.
if (existsSync(`${root}packages/core/dist/internal.js`)) {
  const { examples } = await import("./documents/example.mjs");
  const { overheadTable } = await import("./documents/overhead.mjs");
  const texts = await examples();
  for (const name of ["example-message", "example-text", "example-binary"])
    table("specs/envelope.md", name, texts[name]);
  table("specs/session.md", "example-handshake", texts["example-handshake"]);
  table("README.md", "overhead", overheadTable());
} else if (check) {
  console.error("packages/core is not built: the examples in documents were not checked");
  stale++;
}
if (stale) process.exit(1);
