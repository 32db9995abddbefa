import { SourceMap, type SourceMapPayload } from "node:module";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, type Metafile } from "esbuild";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** What pages take of the client. */
export const ENTRIES = {
  /** Sessions: what the bound is about. */
  connect: 'export { connect } from "@sealwire/client"',
  all: 'export * from "@sealwire/client"',
  /** What writes, seals, opens and reads a message, and no session: no handshake, nothing that sends or is counted. */
  envelopes:
    'export { backend, checkApplicationClaims, decodeClaims, decodePayload, encodeClaims, MessageOpener, MessageSealer } from "@sealwire/core/internal"',
} as const;

export interface PartFigure {
  /** A dependency, or a folder of one of our packages. */
  readonly part: string;
  readonly minified: number;
  /** By how much the whole, gzipped, is smaller without it: shares of what compresses well together add up to less. */
  readonly gzip: number;
}

export interface BundleFigure {
  readonly minified: number;
  readonly gzip: number;
  readonly parts: readonly PartFigure[];
}

export interface BrowserBundle {
  /** What the page loads at once. What is imported when it is needed is not in it. */
  readonly files: readonly { readonly code: string; readonly map: SourceMapPayload }[];
  /** Every module of which something is left in these files. */
  readonly modules: readonly string[];
}

/** As a page's bundler makes it: tree-shaken, minified, for browsers with ES2022. */
export async function browserBundle(entry: string): Promise<BrowserBundle> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: ROOT,
    stdin: { contents: entry, resolveDir: fileURLToPath(new URL(".", import.meta.url)) },
    bundle: true,
    splitting: true,
    outdir: "out",
    format: "esm",
    platform: "browser",
    target: "es2022",
    minify: true,
    legalComments: "none",
    sourcemap: "external",
    sourcesContent: false,
    write: false,
    metafile: true,
    logLevel: "silent",
  });
  const text = (name: string) => outputFiles.find(({ path }) => path.endsWith(`/${name}`))?.text as string;
  const loaded = loadedAtOnce(metafile);
  return {
    files: loaded.map((name) => ({ code: text(name), map: JSON.parse(text(`${name}.map`)) as SourceMapPayload })),
    modules: loaded.flatMap((name) =>
      Object.entries(metafile.outputs[name]?.inputs ?? {}).flatMap(([path, { bytesInOutput }]) =>
        bytesInOutput > 0 ? [path] : [],
      ),
    ),
  };
}

function loadedAtOnce({ outputs }: Metafile): string[] {
  const found = new Set<string>();
  const add = (name: string): void => {
    if (found.has(name)) return;
    found.add(name);
    for (const { path, kind } of outputs[name]?.imports ?? []) if (kind === "import-statement") add(path);
  };
  for (const [name, { entryPoint }] of Object.entries(outputs)) if (entryPoint === "<stdin>") add(name);
  return [...found];
}

/** The client as a browser gets it before it connects, and what it consists of. */
export async function bundle(entry: string = ENTRIES.connect): Promise<BundleFigure> {
  const { files } = await browserBundle(entry);
  const parts = new Map<string, PartFigure>();
  const total = { minified: 0, gzip: 0 };
  for (const { code, map } of files) {
    const gzip = packed(code);
    total.minified += code.length;
    total.gzip += gzip;
    for (const [part, rest] of withoutEach(code, new SourceMap(map))) {
      const before = parts.get(part) ?? { minified: 0, gzip: 0 };
      const minified = before.minified + code.length - rest.length;
      parts.set(part, { part, minified, gzip: before.gzip + gzip - packed(rest) });
    }
  }
  return { ...total, parts: [...parts.values()].sort((a, b) => b.gzip - a.gzip) };
}

const packed = (code: string): number => gzipSync(code, { level: 9 }).length;

/** For each part the code without it. */
function withoutEach(code: string, map: SourceMap): Map<string, string> {
  const lines = code.split("\n");
  const partAt = lines.flatMap((line, y) => {
    const parts = [...line].map((_, x) => {
      const entry = map.findEntry(y, x);
      return "originalSource" in entry ? partOf(entry.originalSource) : "bundler";
    });
    return y === lines.length - 1 ? parts : [...parts, parts.at(-1) ?? "bundler"];
  });
  const without = (part: string) => [...code].filter((_, i) => partAt[i] !== part).join("");
  return new Map([...new Set(partAt)].map((part) => [part, without(part)]));
}

function partOf(source: string): string {
  const dependency = /.*node_modules\/([^/]+)/.exec(source)?.[1];
  if (dependency !== undefined) return dependency;
  const [, name, path = ""] = /packages\/([^/]+)\/src\/(.*)/.exec(source) ?? [];
  if (name === undefined) return "bundler";
  const folder = path.includes("/") ? path.slice(0, path.indexOf("/")) : path.startsWith("registry.") && "registry";
  return folder ? `${name}/${folder}` : name;
}
