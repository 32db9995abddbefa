import { createServer as createHttp, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type ConnectOptions, connect } from "@sealwire/client";
import type { Limits, SealwireError } from "@sealwire/core";
import type { Clock } from "@sealwire/core/internal";
import { createServer, type SealwireServer, type ServerOptions } from "@sealwire/server";
import { createServerOn } from "@sealwire/server/internal";
import { onTestFinished } from "vitest";
import { WebSocketServer } from "ws";
import { ISSUER, identityKey, issuer, jwksOf, SERVER_ID, serverJwks, token } from "./keys.ts";

/** What a peer of TypeScript may not write, and JavaScript does. */
export type Loose<T> = { [K in keyof T]?: unknown };

export interface Reported {
  readonly error: SealwireError;
  readonly context: { readonly sessionId?: string; readonly remoteAddress?: string };
}

export interface World {
  readonly server: SealwireServer;
  readonly http: HttpServer;
  readonly port: number;
  readonly url: string;
  readonly errors: readonly Reported[];
  /** Resolves with the next error that onError gets, or an earlier one that nobody took yet. */
  nextError(): Promise<SealwireError>;
  connect(options?: Partial<ConnectOptions>, path?: string): ReturnType<typeof connect>;
}

/** Options of a server that lets everybody in who has a good token. */
export const serverOptions = (over: Partial<ServerOptions> = {}): ServerOptions => ({
  identity: { id: SERVER_ID, keys: [identityKey.privateJwk] },
  tokens: { issuer: ISSUER, keys: jwksOf(issuer) },
  authorize: () => true,
  ...over,
});

export async function listen(http: HttpServer): Promise<number> {
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  return (http.address() as AddressInfo).port;
}

export async function startWorld(
  over: Partial<ServerOptions> = {},
  { path, clock }: { path?: string; clock?: Clock } = {},
): Promise<World> {
  const errors: Reported[] = [];
  const waiting: ((error: SealwireError) => void)[] = [];
  let taken = 0;
  const options = serverOptions({
    onError: (error, context) => {
      errors.push({ error, context });
      const wake = waiting.shift();
      if (wake !== undefined) {
        taken++;
        wake(error);
      }
    },
    ...over,
  });
  const server = clock === undefined ? createServer(options) : createServerOn({ clock, WebSocketServer }, options);
  const http = createHttp();
  server.attach(http, path === undefined ? {} : { path });
  const port = await listen(http);
  onTestFinished(async () => {
    await server.close({ timeout: 200 });
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  });
  const url = `ws://127.0.0.1:${port}`;
  return {
    server,
    http,
    port,
    url,
    errors,
    nextError: () => {
      const early = errors[taken];
      if (early !== undefined) {
        taken++;
        return Promise.resolve(early.error);
      }
      return new Promise((resolve) => {
        waiting.push(resolve);
      });
    },
    connect: async (o = {}, at = path ?? "/") =>
      await connect(`${url}${at}`, { server: { id: SERVER_ID, keys: serverJwks }, token: await token(), ...o }),
  };
}

/** Waits on a condition that no event announces: counts on the other side. Fails by the test's timeout. */
export async function until(ready: () => boolean): Promise<void> {
  while (!ready()) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** The error that `work` rejects with. */
export async function failure(work: Promise<unknown>): Promise<Failure> {
  return await work.then(
    () => Promise.reject(new Error("did not fail")),
    (error: unknown) => error as Failure,
  );
}

/** Whatever was thrown; a SealwireError has the rest. */
export type Failure = Error & { readonly [K in "code" | "detail" | "closeCode" | "remote" | "stage"]?: unknown };

export const limits = (l: Partial<Limits>): Pick<ServerOptions, "limits"> => ({ limits: l });
