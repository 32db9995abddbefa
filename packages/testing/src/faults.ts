export type Direction = "c2s" | "s2c";

/**
 * A place in the bytes of one direction: an offset from the first byte of the connection, or a place before, inside or
 * after the n-th WebSocket frame (from 1), control frames of the WebSocket itself included.
 */
export type Place =
  | { readonly offset: number }
  /** `part`: how far inside, as a fraction of the frame; at least one byte of it passes, and at least one does not. */
  | { readonly frame: number; readonly at: "before" | "inside" | "after"; readonly part?: number };

/**
 * What the network does when the bytes before `place` have arrived.
 * - `reset`: a RST to both ends at once.
 * - `silent`: half-open; from now on bytes of both directions vanish, and neither end is told.
 * - `fin`: the end of the stream to one side alone, as from a middlebox; the other side is not told, its bytes vanish.
 * - `repeat`: the last `bytes` bytes come once more; where `place` is after a frame, by default that whole frame.
 * - `withhold`: what follows comes `ms` later.
 * - `lose`: likewise, nothing comes back from now on, and after half of that time a RST to the end that writes, as where a
 *   phone changes its network: the other end can hear of another connection before these last bytes arrive.
 */
export type Fault = { readonly direction: Direction; readonly place: Place } & (
  | { readonly kind: "reset" | "silent" }
  | { readonly kind: "fin"; readonly to: "client" | "server" }
  | { readonly kind: "repeat"; readonly bytes?: number }
  | { readonly kind: "withhold" | "lose"; readonly ms: number }
);

export function describeFault(fault: Fault): string {
  const { place } = fault;
  const where = "offset" in place ? `byte ${place.offset}` : `${place.at} frame ${place.frame}`;
  const more = "to" in fault ? ` to the ${fault.to}` : "ms" in fault ? ` ${fault.ms} ms` : "";
  return `${fault.kind}${more} at ${fault.direction} ${where}`;
}
