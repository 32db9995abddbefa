import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { Readable } from "node:stream";

/** A fetch-style handler as the listener of a server of node:http or node:https. */
export function nodeListener(handle: (request: Request) => Promise<Response>): RequestListener {
  return (req, res) => {
    answer(req, res, handle).catch(() => res.destroy());
  };
}

async function answer(
  req: IncomingMessage,
  res: ServerResponse,
  handle: (request: Request) => Promise<Response>,
): Promise<void> {
  const headers = new Headers();
  for (const [name, values = []] of Object.entries(req.headersDistinct)) {
    for (const value of values) headers.append(name, value);
  }
  const { method = "GET", url = "/" } = req;
  const body = method === "GET" || method === "HEAD" ? {} : { body: Readable.toWeb(req), duplex: "half" };
  // The origin is not used: whoever asks can write any.
  const request = new Request(new URL(url, "http://localhost"), { method, headers, ...body } as RequestInit);
  const response = await handle(request);
  res.writeHead(response.status, Object.fromEntries(response.headers));
  res.end(Buffer.from(await response.arrayBuffer()));
}
