import type { Server } from "node:http";
import type { AddressInfo } from "node:net";

/** Listens on loopback at `port`, or at the next free one; 0 takes any. Resolves to the port that it got. */
export async function listen(server: Server, port: number, attempts = 20): Promise<number> {
  for (let i = 0; ; i++) {
    try {
      return await once(server, port === 0 ? 0 : port + i);
    } catch (error) {
      const taken = (error as NodeJS.ErrnoException).code === "EADDRINUSE";
      if (!taken || i + 1 >= attempts) {
        throw new Error(
          `Cannot listen on 127.0.0.1:${port}: ${(error as Error).message}. Choose another port with --port.`,
        );
      }
    }
  }
}

function once(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
