import { createServer as createHttps, type Server as HttpsServer } from "node:https";
import { connect } from "@sealwire/client";
import { describe, expect, it } from "vitest";
import { certificate } from "./support/certificate.ts";
import { failure, server, startWorld, token } from "./support/world.ts";

const { key, cert } = certificate();
const other = certificate();

const world = async () => {
  const http: HttpsServer = createHttps({ key, cert });
  const w = await startWorld({}, http as never);
  w.sealwire.handle("echo", (data) => data);
  const open = async (host: string, tls?: { ca: string | Uint8Array }) =>
    await connect(`wss://${host}:${w.port}/`, { server, token: await token(), ...(tls === undefined ? {} : { tls }) });
  return { ...w, open };
};

describe("wss with a self-signed certificate", () => {
  it("is refused without trust, and says why", async () => {
    const { open, sealwire } = await world();
    const error = await failure(open("localhost"));
    expect(error).toMatchObject({ code: "E_CLOSED" });
    expect(error.detail).toMatch(/certificate/i);
    expect(sealwire.sessions.size).toBe(0);
  });

  it.each(["localhost", "127.0.0.1"])("works with the option tls.ca: %s", async (host) => {
    const { open } = await world();
    for (const ca of [cert, Buffer.from(cert)]) {
      const session = await open(host, { ca });
      expect(await session.request("echo", { secret: 1 })).toEqual({ secret: 1 });
      expect(await session.close()).toMatchObject({ clean: true });
    }
  });

  it("another certificate of the same name is refused", async () => {
    const { open } = await world();
    expect(await failure(open("localhost", { ca: other.cert }))).toMatchObject({ code: "E_CLOSED" });
  });

  it("a name that the certificate does not have is refused", async () => {
    const { open } = await world();
    const error = await failure(open("127.0.0.2", { ca: cert }));
    expect(error).toMatchObject({ code: "E_CLOSED" });
  });

  it("wss: to a server without TLS, and ws: to one with it", async () => {
    const [secure, clear] = [await world(), await startWorld()];
    expect(await failure(connect(`wss://127.0.0.1:${clear.port}/`, { server, token: "t" }))).toMatchObject({
      code: "E_CLOSED",
    });
    expect(await failure(connect(`ws://127.0.0.1:${secure.port}/`, { server, token: "t" }))).toMatchObject({
      code: "E_CLOSED",
    });
  });
});
