// A small repository in which every structure check of the sources holds.

const ENGINES = { node: ">=20.19.0" };
export const pack = (folder, more = {}) =>
  JSON.stringify({
    name: `@sealwire/${folder}`,
    version: "0.1.0",
    description: "d",
    license: "Apache-2.0",
    type: "module",
    engines: ENGINES,
    files: ["dist"],
    exports: { ".": { types: "./dist/index.d.ts", default: "./dist/index.js" } },
    ...more,
  });
const core = pack("core", {
  exports: {
    ".": "./dist/index.js",
    "./internal": "./dist/internal.js",
    "./internal/node": "./dist/crypto/node.js",
  },
  dependencies: { jose: "6.2.17", "cbor-x": "1.6.9" },
});
const own = { "@sealwire/core": "0.1.0" };

export const GOOD = {
  "package.json": JSON.stringify({ engines: ENGINES }),
  "package-lock.json": '{ "packages": { "node_modules/@sealwire/core": { "resolved": "packages/core" } } }',
  LICENSE: "Licence",
  "packages/core/LICENSE": "Licence",
  "packages/client/LICENSE": "Licence",
  "packages/server/LICENSE": "Licence",
  "CONTRIBUTING.md": "`jose` signs, `cbor-x` packs, `ws` carries.",
  "packages/core/package.json": core,
  "packages/core/src/errors.ts": 'import { ERRORS } from "./registry.generated.ts";\nexport class E extends Error {}\n',
  "packages/core/src/registry.generated.ts": "export const ERRORS = {};\n",
  "packages/core/src/index.ts": 'export { open } from "./session/open.ts";\n',
  "packages/core/src/internal.ts": 'export { b64 } from "./wire/b64.ts";\n',
  "packages/core/src/wire/b64.ts":
    'import { E } from "../errors.ts";\nexport const b64 = (x: string): E => new E(x);\n',
  "packages/core/src/crypto/node.ts":
    'import { hkdfSync } from "node:crypto";\nimport { b64 } from "../wire/b64.ts";\nexport const k = [hkdfSync, b64];\n',
  "packages/core/src/keys/jwk.ts":
    'import type { K } from "#backend";\nimport { importJWK } from "jose";\nexport const j = importJWK;\n',
  "packages/core/src/envelope/seal.ts":
    'import { j } from "../keys/jwk.ts";\nexport const seal = j; // no Date.now() here\n',
  "packages/core/src/replay/window.ts": "export const size = 64;\n",
  "packages/core/src/session/open.ts":
    'import { seal } from "../envelope/seal.ts";\nimport { size } from "../replay/window.ts";\nexport const open = [seal, size];\n',
  "packages/client/package.json": pack("client", { dependencies: { ...own, ws: "8.23.0" } }),
  "packages/client/src/index.ts":
    'import { open } from "@sealwire/core";\nimport { b64 } from "@sealwire/core/internal";\nimport { WebSocket } from "ws";\nexport const c = [open, b64, WebSocket, setTimeout];\n',
  "packages/client/test/a.test.ts": 'import { c } from "../src/index.ts";\ntest("a", () => c);\n',
  "packages/server/package.json": pack("server", { dependencies: { ...own, ws: "8.23.0" } }),
  "packages/server/src/index.ts": 'import { open } from "@sealwire/core";\nexport const s = open;\n',
  "packages/demo/package.json": pack("demo", { private: true, dependencies: own }),
  "packages/demo/src/main.ts": 'import { open } from "@sealwire/core";\nconsole.log(open);\n',
};
