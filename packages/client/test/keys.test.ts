import { createServer as createHttp, type RequestListener } from "node:http";
import { generateKey } from "@sealwire/client";
import { expect, it, onTestFinished } from "vitest";
import { failure, listen, SERVER_ID, serverKeys, startWorld } from "./support/world.ts";

/** The server's key set at an address on this machine, where http: will do. */
async function site(answer: RequestListener): Promise<URL> {
  const http = createHttp(answer);
  const port = await listen(http);
  onTestFinished(() => {
    http.closeAllConnections();
    http.close();
  });
  return new URL(`http://127.0.0.1:${port}/jwks`);
}

const json =
  (value: unknown, status = 200): RequestListener =>
  (_, res) =>
    res.writeHead(status).end(typeof value === "string" ? value : JSON.stringify(value));

const endless: RequestListener = (_, res) => {
  const go = () => {
    while (!res.destroyed && res.write(" ".repeat(65_536)));
  };
  res.on("drain", go);
  go();
};

it("fetches the server's keys from an address", async () => {
  const world = await startWorld();
  const session = await world.connect({ server: { id: SERVER_ID, keys: await site(json(serverKeys)) } });
  expect(session.subject).toBe("alice");
});

it("passes over keys that it cannot use", async () => {
  const world = await startWorld();
  const keys = [{ kty: "RSA", n: "AQ", e: "AQAB" }, null, 7, { kty: "EC" }, ...serverKeys.keys];
  await world.connect({ server: { id: SERVER_ID, keys: await site(json({ keys })) } });
});

const other = await generateKey();
it.each<[string, RequestListener, RegExp]>([
  ["404", json("", 404), /404/],
  ["500", json(serverKeys, 500), /500/],
  ["no JSON", json("<html>"), /cannot be fetched/],
  ["null", json("null"), /no key set/],
  ["no set", json({ key: [] }), /no key set/],
  ["more than 256 KiB", json({ ...serverKeys, pad: "x".repeat(262_144) }), /too large/],
  ["no end", endless, /too large/],
  ["a redirect", (_, res) => res.writeHead(302, { location: "https://elsewhere.example/" }).end(), /cannot be fetched/],
  ["a cut connection", (req) => req.socket.destroy(), /cannot be fetched/],
  ["an empty set", json({ keys: [] }), /not pinned/],
  ["another server's key", json({ keys: [other.publicJwk] }), /not pinned/],
])("%s: E_KEY", async (_, answer, detail) => {
  const world = await startWorld();
  const error = await failure(world.connect({ server: { id: SERVER_ID, keys: await site(answer) } }));
  expect(error).toMatchObject({ code: "E_KEY" });
  expect(error.detail).toMatch(detail);
});

it("an abort ends the fetch", async () => {
  const world = await startWorld();
  const controller = new AbortController();
  const keys = await site(() => controller.abort(new Error("enough")));
  const work = world.connect({ server: { id: SERVER_ID, keys }, signal: controller.signal });
  expect((await failure(work)).message).toBe("enough");
});
