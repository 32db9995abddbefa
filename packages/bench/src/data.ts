import type { Data } from "@sealwire/core";

/** Bytes of the messages whose time in a browser is held to a bound. */
export const HELD_SIZE = 256;

export const SIZES: readonly number[] = [64, 256, 1024, 16_384, 262_144, 1_048_576];

/** More is not to be had at once. */
const RANDOM_BYTES = 65_536;

/** Not a Buffer: that is what an application gives whose data comes from anywhere. */
export function bytesOf(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += RANDOM_BYTES) crypto.getRandomValues(bytes.subarray(at, at + RANDOM_BYTES));
  return bytes;
}

/** An order as it goes over the wire of an exchange; `size` is that of its JSON. */
export function objectOf(size: number): { readonly [k: string]: Data } & object {
  const order = {
    id: 123_456,
    side: "buy",
    symbol: "BTC-EUR",
    price: 61_234.5,
    quantity: 0.25,
    flags: ["post-only", "gtc"],
    at: 1_764_240_000,
    account: { desk: 7, margin: true, parent: null },
    note: "",
  };
  // Long data is many values, not one long text.
  const rest = size - JSON.stringify(order).length;
  if (rest < 600) return { ...order, note: "x".repeat(Math.max(0, rest)) } as never;
  const fills = [];
  for (let left = rest; left > 60; left -= 47) fills.push({ price: 61_234.5, quantity: 0.25, at: 1_764_240_000 });
  return { ...order, fills } as never;
}
