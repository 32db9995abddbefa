import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

// Tests import the packages by their public names and get the sources: one class identity, so `instanceof` holds,
// and no stale build. Exact matches only: a deep import into another package must fail here as it does for users.
const alias = [
  { find: /^@sealwire\/core\/internal$/, replacement: at("./packages/core/src/internal.ts") },
  { find: /^@sealwire\/core\/internal\/node$/, replacement: at("./packages/core/src/crypto/node.ts") },
  { find: /^@sealwire\/core\/internal\/webcrypto$/, replacement: at("./packages/core/src/crypto/webcrypto.ts") },
  { find: /^@sealwire\/core$/, replacement: at("./packages/core/src/index.ts") },
  { find: /^@sealwire\/client\/internal$/, replacement: at("./packages/client/src/internal.ts") },
  { find: /^@sealwire\/client$/, replacement: at("./packages/client/src/index.ts") },
  { find: /^@sealwire\/server\/internal$/, replacement: at("./packages/server/src/internal.ts") },
  { find: /^@sealwire\/server$/, replacement: at("./packages/server/src/index.ts") },
  { find: /^@sealwire\/issuer$/, replacement: at("./packages/issuer/src/index.ts") },
  { find: /^@sealwire\/testing$/, replacement: at("./packages/testing/src/index.ts") },
  { find: /^#backend$/, replacement: at("./packages/core/src/crypto/node.ts") },
];

const folders: Record<string, string> = {
  core: "packages/core/test",
  client: "packages/client/test",
  server: "packages/server/test",
  issuer: "packages/issuer/test",
  testing: "packages/testing/test",
  demo: "packages/demo/test",
  conformance: "packages/conformance/test",
  bench: "packages/bench/test",
  // Needs the Python driver to be built: npm test runs it after everything else.
  interop: "packages/conformance/interop",
  tools: "tools/test",
};

export default defineConfig({
  resolve: { alias },
  test: {
    environment: "node",
    setupFiles: [at("./tools/properties.mjs")],
    pool: "forks",
    testTimeout: 20_000,
    retry: 0,
    allowOnly: false,
    projects: [
      ...Object.entries(folders)
        .filter(([, folder]) => existsSync(at(`./${folder}`)))
        .map(([name, folder]) => ({
          extends: true as const,
          test: {
            name,
            include: [`${folder}/**/*.test.{ts,mjs}`],
            // Real browsers, ports and processes: one file at a time, after everything else.
            ...(["demo", "conformance", "bench", "interop"].includes(name)
              ? { fileParallelism: false, hookTimeout: 60_000, sequence: { groupOrder: 1 } }
              : {}),
          },
        })),
      // The protocol's tests once more, on the backend of browsers. wire/ knows no keys; crypto/ and keys/ run both.
      {
        extends: true as const,
        resolve: { alias: [{ find: /^#backend$/, replacement: at("./packages/core/src/crypto/webcrypto.ts") }] },
        test: {
          name: "core-webcrypto",
          env: { SEALWIRE_BACKEND: "webcrypto" },
          include: ["envelope", "replay", "standalone", "session"].map(
            (part) => `packages/core/test/${part}/**/*.test.ts`,
          ),
        },
      },
    ],
  },
});
