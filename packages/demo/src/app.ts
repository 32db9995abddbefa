import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { nodeListener } from "@sealwire/issuer";
import { api } from "./api.ts";
import { listen } from "./listen.ts";
import type { DemoParts } from "./parts.ts";
import type { Relay } from "./relay.ts";

export interface App {
  readonly origin: string;
  close(): Promise<void>;
}

export interface AppOptions {
  readonly port: number;
  /** Called when the app has its port, which is part of what the others are configured with. */
  readonly parts: (origin: string) => Promise<DemoParts>;
  /** Folder of the built page, with a slash at its end. Default: beside the built program. */
  readonly assets?: URL | undefined;
}

const STATIC: Readonly<Record<string, { file: string; type: string }>> = {
  "/": { file: "index.html", type: "text/html; charset=utf-8" },
  "/base.css": { file: "base.css", type: "text/css; charset=utf-8" },
  "/chat.css": { file: "chat.css", type: "text/css; charset=utf-8" },
  "/relay.css": { file: "relay.css", type: "text/css; charset=utf-8" },
  "/life.css": { file: "life.css", type: "text/css; charset=utf-8" },
  "/media.css": { file: "media.css", type: "text/css; charset=utf-8" },
  "/app.js": { file: "app.js", type: "text/javascript; charset=utf-8" },
  "/app.js.map": { file: "app.js.map", type: "application/json" },
  "/icon.svg": { file: "icon.svg", type: "image/svg+xml" },
};

/** Addresses of the issuer, which has the app's origin as its name (RFC 8414: the metadata lie below it). */
const ISSUER = new Set(["/token", "/revoke", "/jwks", "/.well-known/openid-configuration"]);

/** The page's own server: static files, the development issuer, the pinned keys, and the page's levers. */
export async function createApp(options: AppOptions): Promise<App> {
  const assets = options.assets ?? new URL("./static/", import.meta.url);
  let parts: DemoParts | undefined;
  let origin = "";
  const http = createServer((req, res) => {
    answer(req, res).catch((error: unknown) => {
      const caller = error instanceof RangeError;
      if (!caller) console.error("demo app:", error);
      if (res.headersSent) res.destroy();
      else
        send(
          res,
          caller ? 400 : 500,
          "text/plain; charset=utf-8",
          caller ? error.message : "The demo failed; see its terminal.",
        );
    });
  });

  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    // A page under another name (DNS rebinding) must not read tokens; localhost is sent to the one origin.
    if (`http://${req.headers.host}` !== origin) {
      const local = /^(localhost|\[::1\])(:\d+)?$/.test(req.headers.host ?? "");
      if (local) res.writeHead(307, { location: origin + (req.url ?? "/") }).end();
      else send(res, 421, "text/plain; charset=utf-8", `This demo answers at ${origin} only.`);
      return;
    }
    if (!parts) return send(res, 503, "text/plain; charset=utf-8", "The demo is starting.");
    const url = new URL(req.url ?? "/", origin);
    if (url.pathname.startsWith("/api/")) {
      if (crossSite(req, origin))
        return send(res, 403, "text/plain; charset=utf-8", "Only the demo's own page may use its levers.");
      return api(req, res, url, parts);
    }
    if (ISSUER.has(url.pathname)) {
      if (crossSite(req, origin))
        return send(res, 403, "text/plain; charset=utf-8", "Tokens are for the demo's own page.");
      return nodeListener(parts.issuer.handle)(req, res);
    }
    if (req.method !== "GET") return send(res, 405, "text/plain; charset=utf-8", "Only GET here.");
    const asset = Object.hasOwn(STATIC, url.pathname) ? STATIC[url.pathname] : undefined;
    if (asset) {
      const body = await readFile(new URL(asset.file, assets));
      return send(res, 200, asset.type, body, policy(parts.relay));
    }
    if (url.pathname === "/config.json") return json(res, config(parts, origin));
    send(res, 404, "text/plain; charset=utf-8", "There is nothing here.");
  };

  const port = await listen(http, options.port);
  origin = `http://127.0.0.1:${port}`;
  parts = await options.parts(origin);
  return {
    origin,
    async close() {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

function config({ config, accounts }: DemoParts, origin: string): object {
  const users = accounts.list().map(({ id, title }) => ({ id, title }));
  return { ...config, pinnedFrom: origin, users: users.filter((u) => u.id !== "bot") };
}

/** No inline code, no eval, no other host than the relay. */
function policy(relay: Relay): Record<string, string> {
  const csp = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `connect-src 'self' ${new URL(relay.url).origin}`,
    "img-src 'self' data: blob:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return { "content-security-policy": csp.join("; ") };
}

function crossSite(req: IncomingMessage, origin: string): boolean {
  const site = req.headers["sec-fetch-site"];
  if (site !== undefined && site !== "same-origin") return true;
  return req.headers.origin !== undefined && req.headers.origin !== origin;
}

export function json(res: ServerResponse, value: unknown): void {
  send(res, 200, "application/json", JSON.stringify(value));
}

export function send(
  res: ServerResponse,
  status: number,
  type: string,
  body: string | Uint8Array,
  headers: Record<string, string> = {},
): void {
  res.writeHead(status, {
    "content-type": type,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    ...headers,
  });
  res.end(body);
}
