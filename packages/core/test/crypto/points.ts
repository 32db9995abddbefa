import type { PublicJwk } from "../../src/crypto/backend.ts";

const P25519 = 2n ** 255n - 19n;

/** An integer as 32 bytes little-endian, in hex. */
export const le = (n: bigint): string => Buffer.from(n.toString(16).padStart(64, "0"), "hex").reverse().toString("hex");

/** The seven of https://cr.yp.to/ecdh.html, each also with bit 255, which X25519 ignores. */
export const X25519_SMALL: readonly string[] = [
  "00".repeat(32),
  `01${"00".repeat(31)}`,
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  le(P25519 - 1n),
  le(P25519),
  le(P25519 + 1n),
].flatMap((u) => [u, u.slice(0, 62) + (Number.parseInt(u.slice(62), 16) | 0x80).toString(16)]);

/** RFC 7515 appendix A.3. */
export const ES256_KEY: { kty: "EC"; crv: "P-256"; x: string; y: string; d: string; alg: "ES256" } = {
  kty: "EC",
  crv: "P-256",
  x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
  y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
  d: "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
  alg: "ES256",
};

/** RFC 8037 appendix A.1. */
export const ED25519_KEY: { kty: "OKP"; crv: "Ed25519"; x: string; d: string; alg: "Ed25519" } = {
  kty: "OKP",
  crv: "Ed25519",
  x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
  d: "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
  alg: "Ed25519",
};

export const publicOf = ({ kty, crv, x, ...rest }: { kty: string; crv: string; x: string; y?: string }): PublicJwk =>
  ("y" in rest ? { kty, crv, x, y: rest.y } : { kty, crv, x }) as PublicJwk;

/** The last bit of y changed. */
export const OFF_CURVE: PublicJwk = {
  ...publicOf(ES256_KEY),
  y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a4",
};
