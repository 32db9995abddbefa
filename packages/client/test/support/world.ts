import { createServer as createHttp, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type ConnectOptions, connect, generateKey, type JWKS } from "@sealwire/client";
import { createServer, type SealwireServer, type ServerOptions } from "@sealwire/server";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { onTestFinished } from "vitest";

export const SERVER_ID = "https://chat.example";
export const ISSUER = "https://idp.example";

const identity = await generateKey();
const idp = await generateKeyPair("ES256");
const idpJwk = { ...(await exportJWK(idp.publicKey)), alg: "ES256", kid: "1" };

export const serverKeys: JWKS = { keys: [identity.publicJwk] };
export const server = { id: SERVER_ID, keys: serverKeys };

/** A good access token, or one with other claims. */
export const token = (claims: Record<string, unknown> = {}): Promise<string> =>
  new SignJWT({ sub: "alice", scope: "chat", ...claims })
    .setProtectedHeader({ alg: "ES256", typ: "at+jwt", kid: "1" })
    .setIssuer(ISSUER)
    .setAudience(SERVER_ID)
    .setIssuedAt()
    .setExpirationTime("10m")
    .sign(idp.privateKey);

export const serverOptions = (over: Partial<ServerOptions> = {}): ServerOptions => ({
  identity: { id: SERVER_ID, keys: [identity.privateJwk] },
  tokens: { issuer: ISSUER, keys: { keys: [idpJwk] } },
  authorize: () => true,
  ...over,
});

export async function listen(http: { listen: HttpServer["listen"]; address: HttpServer["address"] }): Promise<number> {
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  return (http.address() as AddressInfo).port;
}

export interface World {
  readonly sealwire: SealwireServer;
  readonly http: HttpServer;
  readonly port: number;
  readonly url: string;
  connect(options?: Partial<ConnectOptions>): ReturnType<typeof connect>;
}

export async function startWorld(over: Partial<ServerOptions> = {}, http: HttpServer = createHttp()): Promise<World> {
  const sealwire = createServer(serverOptions(over));
  sealwire.attach(http);
  const port = await listen(http);
  onTestFinished(async () => {
    await sealwire.close({ timeout: 200 });
    http.closeAllConnections();
    http.close();
  });
  const url = `ws://127.0.0.1:${port}/`;
  return {
    sealwire,
    http,
    port,
    url,
    connect: async (o) => await connect(url, { server, token: await token(), ...o }),
  };
}

/** Whatever was thrown; a SealwireError has the rest. */
export type Failure = Error & { readonly [K in "code" | "detail" | "closeCode" | "remote" | "stage"]?: unknown };

/** The error that `work` rejects with. */
export async function failure(work: Promise<unknown>): Promise<Failure> {
  return await work.then(
    () => Promise.reject(new Error("did not fail")),
    (error: unknown) => error as Failure,
  );
}

export async function until(ready: () => boolean): Promise<void> {
  while (!ready()) await new Promise((resolve) => setTimeout(resolve, 2));
}
