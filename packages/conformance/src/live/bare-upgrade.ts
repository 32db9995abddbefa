// An upgrade without a WebSocket library: libraries abort a 101 that selects no subprotocol before its close is seen.
import { randomBytes } from "node:crypto";
import { request as plain } from "node:http";
import { request as tls } from "node:https";
import { reasonOf, Unmet } from "./connection.ts";

export interface BareAnswer {
  readonly status: number;
  /** Code of the close frame that followed the 101. */
  readonly close: number | undefined;
}

/** A close frame of the server: 0x88, length, code (RFC 6455 sections 5.2 and 5.5.1). */
const codeOf = (bytes: Buffer): number | undefined =>
  bytes.length >= 4 && bytes[0] === 0x88 && (bytes[1] as number) >= 2 ? bytes.readUInt16BE(2) : undefined;

export function bareUpgrade(url: string, protocol: string, options: { readonly ca?: string }): Promise<BareAnswer> {
  const address = new URL(url.replace(/^ws/, "http"));
  const request = (address.protocol === "https:" ? tls : plain)(address, {
    ...options,
    headers: {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": randomBytes(16).toString("base64"),
      "sec-websocket-protocol": protocol,
    },
  });
  return new Promise((resolve, reject) => {
    request.setTimeout(10_000, () => request.destroy(new Unmet("no answer to the upgrade within 10 s")));
    request.once("error", (error) => {
      reject(error instanceof Unmet ? error : new Unmet(`cannot connect: ${reasonOf(error)}`));
    });
    request.once("response", (response) => {
      response.resume();
      resolve({ status: response.statusCode ?? 0, close: undefined });
    });
    request.once("upgrade", (_response, socket, head) => {
      let bytes: Buffer = head;
      const finish = (): void => {
        socket.destroy();
        resolve({ status: 101, close: codeOf(bytes) });
      };
      if (codeOf(bytes) !== undefined) return finish();
      socket.on("error", finish);
      socket.on("end", finish);
      socket.on("data", (chunk: Buffer) => {
        bytes = Buffer.concat([bytes, chunk]);
        if (codeOf(bytes) !== undefined) finish();
      });
    });
    request.end();
  });
}
