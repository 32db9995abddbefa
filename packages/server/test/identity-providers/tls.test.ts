import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttps } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeEach, expect, it } from "vitest";
import { certificate } from "../support/certificate.ts";
import { SERVER_ID } from "../support/keys.ts";
import { fetchToken, providerKey, providerSite, quietProviders } from "./provider.ts";

const { key, cert } = certificate();
const folder = mkdtempSync(join(tmpdir(), "sealwire-ca-"));
const ca = join(folder, "ca.pem");
writeFileSync(ca, cert);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(quietProviders);

const es256 = await providerKey("ES256", "es-1");

/** What a process does that trusts our certificate, or does not: Node reads NODE_EXTRA_CA_CERTS when it starts. */
async function verified(issuer: string, token: string, trusted: boolean): Promise<string> {
  const program = `
    import { DEFAULT_LIMITS } from "@sealwire/core";
    import { tokenVerifier } from "@sealwire/server/internal";
    const { ISSUER, TOKEN, AUDIENCE } = process.env;
    const verify = tokenVerifier([{ issuer: ISSUER }], { audience: AUDIENCE, limits: DEFAULT_LIMITS });
    console.log(await verify(TOKEN).then(({ subject }) => subject, ({ code, detail }) => code + " " + detail));`;
  const { NODE_EXTRA_CA_CERTS: _, ...inherited } = process.env;
  const env = { ...inherited, ISSUER: issuer, TOKEN: token, AUDIENCE: SERVER_ID };
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program], {
    // Bare names are resolved from here, to what was built.
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    env: trusted ? { ...env, NODE_EXTRA_CA_CERTS: ca } : env,
  });
  return stdout.trim();
}

/** A token as the provider signs it: asked for without TLS, as this process does not trust the certificate. */
async function tokenOf(issuer: string): Promise<string> {
  const clear = await providerSite();
  clear.start({ keys: [es256], alg: "ES256", issuer });
  return await fetchToken(clear.tokenEndpoint, { resource: SERVER_ID });
}

const secureSite = () => providerSite(createHttps({ key, cert }), "https");

it("a provider over TLS is found by who trusts its certificate, and by nobody else", async () => {
  const site = await secureSite();
  site.start({ keys: [es256], alg: "ES256" });
  const token = await tokenOf(site.issuer);
  expect(await verified(site.issuer, token, true)).toBe("app");
  const fetched = site.count("/jwks");
  expect(fetched).toBe(1);
  expect(await verified(site.issuer, token, false)).toBe(`E_TOKEN issuer ${site.issuer}: its metadata cannot be had`);
  expect(site.count("/jwks")).toBe(fetched);
});

it("[token:discovery] what was found over TLS does not lead out of it, not even to this machine", async () => {
  const [site, clear] = [await secureSite(), await providerSite()];
  clear.start({ keys: [es256], alg: "ES256" });
  site.site.answer = (_, res) =>
    res
      .writeHead(200, { "content-type": "application/json" })
      .end(JSON.stringify({ issuer: site.issuer, jwks_uri: `${clear.issuer}/jwks` }));
  expect(await verified(site.issuer, await tokenOf(site.issuer), true)).toMatch(/^E_TOKEN .*jwks_uri/);
  expect(clear.count("/jwks")).toBe(0);
});
