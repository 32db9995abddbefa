import type { Server as HttpServer, IncomingMessage } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Duplex } from "node:stream";
import { refuseUpgrade } from "./upgrade.ts";

type Listener = (req: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** Undefined takes every path that is nobody else's. */
type Routes = Map<string | undefined, Listener>;

/** The attached servers of each HTTP server, and its one listener. */
const ATTACHED = new WeakMap<object, { readonly routes: Routes; readonly dispatch: Listener }>();

/** Takes the upgrades at `path`; the result detaches. @throws TypeError if something is attached there already */
export function attach(http: HttpServer | HttpsServer, path: string | undefined, listener: Listener): () => void {
  if (path !== undefined && !path.startsWith("/")) throw new TypeError(`path ${path} does not begin with /`);
  const { routes, dispatch } = ATTACHED.get(http) ?? start(http);
  if (routes.has(path)) throw new TypeError(`a server is attached at ${path ?? "every path"} already: detach it first`);
  routes.set(path, listener);
  return () => {
    if (routes.get(path) !== listener) return;
    routes.delete(path);
    if (routes.size > 0) return;
    http.off("upgrade", dispatch);
    ATTACHED.delete(http);
  };
}

function start(http: HttpServer | HttpsServer) {
  const routes: Routes = new Map();
  const dispatch: Listener = (req, socket, head) => {
    const found = routes.get(req.url?.split("?", 1)[0]) ?? routes.get(undefined);
    if (found !== undefined) found(req, socket, head);
    // Nobody else would answer, and the connection would stay open for ever.
    else if (http.listenerCount("upgrade") === 1)
      refuseUpgrade(socket, { status: 404, text: "no WebSocket at this path" });
  };
  const attached = { routes, dispatch };
  http.on("upgrade", dispatch);
  ATTACHED.set(http, attached);
  return attached;
}
