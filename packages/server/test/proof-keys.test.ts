import { type CryptoBackend, backend as node, thumbprint, type Verifier } from "@sealwire/core/internal";
import { backend as webcrypto } from "@sealwire/core/internal/webcrypto";
import { describe, expect, it, vi } from "vitest";
import { ProofKeys } from "../src/proof-keys.ts";
import { jktOf, proof, token } from "./support/keys.ts";
import { rawSession } from "./support/raw.ts";
import { failure, startWorld } from "./support/world.ts";

const jkt = await jktOf(proof);
const signer = await node.importSigner(proof);
const proofKey = { signer, id: { alg: signer.alg, thumbprint: await thumbprint(node, signer.publicJwk) } };
/** Signs what nobody asked for. */
const forger = { ...proofKey, signer: { ...signer, sign: () => new Uint8Array(64).fill(1) } };

/** Counts imports of the client's key, and not those of the issuer's. */
async function start(backend: CryptoBackend) {
  const own = vi.fn((jwk: Parameters<CryptoBackend["importVerifier"]>[0]) => backend.importVerifier(jwk));
  const world = await startWorld({
    crypto: {
      ...backend,
      importVerifier: (jwk) => (jwk.x === signer.publicJwk.x ? own(jwk) : backend.importVerifier(jwk)),
    },
  });
  return { world, own };
}

describe.each([node, webcrypto])("a proof key, by $name", (backend) => {
  it("that has proven its token is not imported again", async () => {
    const { world, own } = await start(backend);
    for (let i = 0; i < 3; i++) await world.connect({ proof, token: await token({ cnf: { jkt } }) });
    expect(own).toHaveBeenCalledTimes(1);
  });

  it("that has proven nothing is neither kept nor imported before its token was checked", async () => {
    const { world, own } = await start(backend);
    const bad = { proof: proofKey, token: await token({ cnf: { jkt }, exp: 1 }) };
    for (let i = 0; i < 2; i++) expect(await failure(rawSession(world, bad))).toMatchObject({ closeCode: 3000 });
    expect(own).not.toHaveBeenCalled();
    const forged = { proof: forger, token: await token({ cnf: { jkt } }) };
    for (let i = 0; i < 2; i++) expect(await failure(rawSession(world, forged))).toMatchObject({ closeCode: 3000 });
    expect(own).toHaveBeenCalledTimes(2);
    await world.connect({ proof, token: await token({ cnf: { jkt } }) });
    expect(own).toHaveBeenCalledTimes(3);
  });

  it("that is known does not let a forged proof in", async () => {
    const { world } = await start(backend);
    await world.connect({ proof, token: await token({ cnf: { jkt } }) });
    const forged = { proof: forger, token: await token({ cnf: { jkt } }) };
    expect(await failure(rawSession(world, forged))).toMatchObject({ closeCode: 3000 });
    expect(await world.nextError()).toMatchObject({ code: "E_POP" });
  });
});

it("are 500 at most: that which was used longest ago makes room", () => {
  const keys = new ProofKeys();
  const key = (i: number) => ({ alg: "ES256", i }) as unknown as Verifier;
  for (let i = 0; i < 500; i++) keys.keep(String(i), key(i));
  keys.keep("0", key(0));
  keys.keep("500", key(500));
  expect(keys.size).toBe(500);
  expect(keys.find("1")).toBeUndefined();
  expect(keys.find("0")).toEqual(key(0));
  expect(keys.find("500")).toEqual(key(500));
});
