// Public keys that are no keys, as members of a JWK.
import { b64u } from "./raw.ts";

const P = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const be32 = (n: bigint): string => b64u(Buffer.from(n.toString(16).padStart(64, "0"), "hex"));

/** The base point of P-256: x, y. */
const G = [
  0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
  0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
] as const;
const [x, y] = [be32(G[0]), be32(G[1])];

type Members = Readonly<Record<string, string>>;

export const BAD_P256: Readonly<Record<string, Members>> = {
  "x of 31 bytes": { x: b64u(Buffer.alloc(31, 1)), y },
  "y of 33 bytes": { x, y: b64u(Buffer.alloc(33, 1)) },
  "x not below p": { x: be32(G[0] + P > 2n ** 256n - 1n ? P : G[0] + P), y },
  "x equal to p": { x: be32(P), y },
  "y off the curve": { x, y: be32(G[1] ^ 1n) },
  "the origin": { x: be32(0n), y: be32(0n) },
  "x with padding": { x: `${x}=`, y },
  "x with a character of plain base64": { x: `+${x.slice(1)}`, y },
  "x with pad bits": { x: `${x.slice(0, -1)}${nextPad(x)}`, y },
};

const SMALL_ORDER = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
].map((hex) => Buffer.from(hex, "hex"));

function withTopBit(bytes: Buffer): Buffer {
  const out = Buffer.from(bytes);
  out[31] = (out[31] as number) | 0x80;
  return out;
}

export const BAD_X25519: Readonly<Record<string, Members>> = {
  "31 bytes": { x: b64u(Buffer.alloc(31, 9)) },
  "33 bytes": { x: b64u(Buffer.alloc(33, 9)) },
  "white space": { x: `${b64u(Buffer.alloc(32, 9)).slice(0, -1)} ` },
  ...Object.fromEntries(SMALL_ORDER.map((u, i) => [`small order ${i}`, { x: b64u(u) }])),
  ...Object.fromEntries(SMALL_ORDER.map((u, i) => [`small order ${i} with the top bit`, { x: b64u(withTopBit(u)) }])),
};

export const GOOD_P256 = { kty: "EC", crv: "P-256", x, y } as const;

/** The character after the last one: the same bytes, other pad bits. */
export function nextPad(text: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return alphabet[alphabet.indexOf(text.at(-1) as string) + 1] as string;
}
