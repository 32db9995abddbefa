import type { Duplex } from "node:stream";
import { SealwireError } from "@sealwire/core";

/**
 * Counts what arrives on a connection until it is authenticated. `ws` cannot lower its limit per connection, so this
 * is a second listener beside its own; the result removes it.
 */
export function countBytes(socket: Duplex, limit: number, exceeded: (error: SealwireError) => void): () => void {
  let received = 0;
  const listener = (chunk: Uint8Array) => {
    received += chunk.length;
    if (received > limit) {
      stop();
      exceeded(new SealwireError("E_TOO_BIG", { detail: "unauthenticatedBytes" }));
    }
  };
  const stop = () => {
    socket.off("data", listener);
  };
  socket.on("data", listener);
  return stop;
}
