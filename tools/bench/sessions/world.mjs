// A server on a loopback port, its issuer, and clients: the built packages over real sockets.
import { once } from "node:events";
import { createServer as createHttp } from "node:http";
import { createServer as createTcp, connect as dial } from "node:net";

const built = (name) => new URL(`../../../packages/${name}/dist/index.js`, import.meta.url);
const SERVER_ID = "https://bench.invalid";
const CLIENT_ID = "bench";

/**
 * @param {{ tokenSeconds?: number, limits?: object, port?: number }} [options]
 */
export async function startWorld({ tokenSeconds = 3600, limits = {} } = {}) {
  const [{ createServer }, { generateKey }, { createDevelopmentIssuer }] = await Promise.all(
    ["server", "core", "issuer"].map((name) => import(built(name).href)),
  );
  const issuer = await createDevelopmentIssuer({
    issuer: "http://127.0.0.1",
    audience: SERVER_ID,
    clients: { [CLIENT_ID]: {} },
    accounts: () => ({ scopes: [] }),
    accessTokenSeconds: tokenSeconds,
  });
  const jwks = await (await issuer.handle(new Request("http://127.0.0.1/jwks"))).json();
  const { privateJwk, publicJwk } = await generateKey();
  const server = createServer({
    identity: { id: SERVER_ID, keys: [privateJwk] },
    tokens: { issuer: issuer.issuer, keys: jwks },
    authorize: () => true,
    limits,
  });
  const http = createHttp();
  server.attach(http);
  const port = await listen(http);
  /** `lifetime`: seconds from now on; default: as the issuer gives it. */
  const token = async (lifetime) => {
    const issuedAt = Math.floor(Date.now() / 1000) - (lifetime === undefined ? 0 : tokenSeconds - lifetime);
    return (await issuer.signIn("alice", { clientId: CLIENT_ID, issuedAt })).access_token;
  };
  return {
    server,
    port,
    token,
    target: { id: SERVER_ID, keys: { keys: [publicJwk] } },
    async close() {
      await server.close({ timeout: 1000 });
      http.closeAllConnections();
      http.close();
    },
  };
}

/** @param {number} port @param {object} target @param {object} options */
export async function openClient(port, target, options) {
  const { connect } = await import(built("client").href);
  return connect(`ws://127.0.0.1:${port}/`, { server: target, ...options });
}

/** A wire to `port` that can be cut. */
export async function startWire(port) {
  const ends = new Set();
  const tcp = createTcp((near) => {
    const far = dial(port, "127.0.0.1");
    for (const [end, other] of [
      [near, far],
      [far, near],
    ]) {
      ends.add(end);
      end.setNoDelay(true);
      end.on("error", () => {});
      end.once("close", () => {
        ends.delete(end);
        other.destroy();
      });
      end.pipe(other);
    }
  });
  return {
    port: await listen(tcp),
    cut() {
      for (const end of ends) end.destroy();
    },
    close() {
      tcp.close();
      for (const end of ends) end.destroy();
    },
  };
}

async function listen(server) {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server.address().port;
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** @param {number[]} values @param {number} part 0.5: the median */
export function quantile(values, part) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}
