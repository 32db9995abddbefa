// Public keys as they arrive: points and thumbprints.
import { b64u, hex, unb64u, unhex } from "../kit/bytes.ts";
import { type Jwk, thumbprint, wireJwk } from "../kit/keys.ts";
import { Group, type Step } from "./file.ts";
import { jwkOf } from "./keys.ts";

const KEY = ["E_KEY", "claims"] as const satisfies readonly [string, Step];
const P = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;

const be32 = (n: bigint): string => b64u(unhex(n.toString(16).padStart(64, "0")));
const int = (text: string): bigint => BigInt(`0x${hex(unb64u(text))}`);

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let b = base % P, e = exponent; e > 0n; e >>= 1n, b = (b * b) % P) if (e & 1n) result = (result * b) % P;
  return result;
}

/** A y of the point with this x, as P is 3 mod 4; undefined where the curve has none. */
function yOf(x: bigint, b = B): bigint | undefined {
  const square = ((((x * x - 3n) * x + b) % P) + P) % P;
  const y = power(square, (P + 1n) / 4n);
  return (y * y) % P === square ? y : undefined;
}

/** The first point whose x is at least `from`. */
function pointFrom(from: bigint, b = B): readonly [bigint, bigint] {
  for (let x = from; ; x++) {
    const y = yOf(x, b);
    if (y !== undefined) return [x, y];
  }
}

const ec = (x: string, y: string): Jwk => ({ kty: "EC", crv: "P-256", x, y });
const SMALL_ORDER = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

/** y of Ed25519 points of small order, and y that are not below p. */
const ED25519_SMALL = [
  ["0", "0000000000000000000000000000000000000000000000000000000000000000"],
  ["1", "0100000000000000000000000000000000000000000000000000000000000000"],
  ["p-less-1", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"],
  ["8a", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"],
  ["8b", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"],
] as const;
const ED25519_LARGE = [
  ["p", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"],
  ["p-more-1", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"],
  ["p-more-2", "efffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"],
  ["max", "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"],
] as const;

const SECTION = "conventions.md#5-public-keys";

export function signing(): Group {
  const group = new Group("claims/key-sign", {
    level: "L1",
    section: SECTION,
    op: "key.check",
    context: { use: "sign" },
  });
  const point = ["key:p256-point"];
  const p256 = wireJwk(jwkOf("claims signer ES256"));
  const accept = (name: string, comment: string, req: readonly string[], jwk: Jwk): unknown =>
    group.accept(name, comment, req, { jwk }, { thumbprint: thumbprint(jwk) });
  accept("p256", "a P-256 key and its thumbprint", point, p256);
  p256Points(group, p256 as Required<Jwk>, (name, comment, jwk) => accept(name, comment, point, jwk));

  const okp = ["key:okp-point"];
  const ed = wireJwk(jwkOf("claims signer Ed25519"));
  accept("ed25519", "an Ed25519 key and its thumbprint", okp, ed);
  const rfc8037 = {
    kty: "OKP",
    crv: "Ed25519",
    x: b64u(unhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")),
  } as const;
  group.accept(
    "rfc8037",
    "the key and the thumbprint of RFC 8037, appendix A.3",
    okp,
    { jwk: rfc8037 },
    { thumbprint: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" },
  );
  encodings(group, "ed25519", ed as Required<Jwk>, "x", okp);
  group.accept(
    "more-members",
    "members besides those of the point",
    point,
    { jwk: { ...p256, alg: "ES256", kid: "x", use: "sig" } },
    { thumbprint: thumbprint(p256) },
  );
  const refuse = (name: string, from: string, mutation: string, jwk: object): unknown =>
    group.refuse(name, from, mutation, from === "p256" ? point : okp, { jwk }, KEY);
  const coordinate = (y: string, sign = false): object => {
    const bytes = unhex(y);
    if (sign) bytes[31] = (bytes[31] as number) | 0x80;
    return { ...ed, x: b64u(bytes) };
  };
  for (const [name, y] of ED25519_SMALL) {
    refuse(`ed25519-small-${name}`, "ed25519", "a point of small order", coordinate(y));
    refuse(`ed25519-small-${name}-sign`, "ed25519", "small order, with the sign of x set", coordinate(y, true));
  }
  for (const [name, y] of ED25519_LARGE) refuse(`ed25519-y-${name}`, "ed25519", "y is not below p", coordinate(y));
  refuse("x25519", "ed25519", "a key of key agreement", { ...ed, crv: "X25519" });
  refuse("crv-case", "ed25519", "the curve in lower case", { ...ed, crv: "ed25519" });
  refuse("crv-p384", "p256", "the name of another curve", { ...p256, crv: "P-384" });
  refuse("crv-k256", "p256", "the name of a curve of the same size", { ...p256, crv: "secp256k1" });
  refuse("kty-okp", "p256", "kty OKP", { ...p256, kty: "OKP" });
  refuse("kty-ec", "ed25519", "kty EC", { ...ed, kty: "EC" });
  refuse("kty-oct", "ed25519", "a symmetric key", { kty: "oct", k: ed.x });
  refuse("no-y", "p256", "y left out", { ...p256, y: undefined });
  refuse("no-x", "ed25519", "x left out", { ...ed, x: undefined });
  refuse("no-kty", "p256", "kty left out", { ...p256, kty: undefined });
  refuse("x-number", "p256", "x as a number", { ...p256, x: 7 });
  refuse("y-null", "p256", "y null", { ...p256, y: null });
  return group;
}

/** Points that are none, and two unusual ones that are. */
function p256Points(
  group: Group,
  key: Required<Jwk>,
  accept: (name: string, comment: string, jwk: Jwk) => unknown,
): void {
  const { x, y } = key;
  const [zero, zeroY] = pointFrom(0n);
  accept("p256-x-0", "the point whose x is 0", ec(be32(zero), be32(zeroY)));
  const [small, smallY] = pointFrom(2n ** 200n);
  accept("p256-x-small", "leading zero bytes of x are written", ec(be32(small), be32(smallY)));
  accept("p256-negated", "the other point with the same x", ec(x, be32(P - int(y))));
  encodings(group, "p256", key, "x", ["key:p256-point"]);
  encodings(group, "p256", key, "y", ["key:p256-point"]);
  const refuse = (name: string, from: string, mutation: string, jwk: Jwk): unknown =>
    group.refuse(name, from, mutation, ["key:p256-point"], { jwk }, KEY);
  refuse("p256-x-p", "p256-x-0", "x plus p: the same point to a library that reduces", ec(be32(zero + P), be32(zeroY)));
  refuse("p256-x-small-p", "p256-x-small", "x plus p", ec(be32(small + P), be32(smallY)));
  refuse(
    "p256-x-stripped",
    "p256-x-small",
    "leading zero bytes of x left out",
    ec(b64u(unhex(small.toString(16).padStart(52, "0"))), be32(smallY)),
  );
  refuse("p256-y-max", "p256", "y of 2^256-1", ec(x, be32(2n ** 256n - 1n)));
  refuse("p256-off-curve", "p256", "the lowest bit of y", ec(x, be32(int(y) ^ 1n)));
  refuse("p256-swapped", "p256", "x and y exchanged", ec(y, x));
  refuse("p256-origin", "p256", "x and y of zero, as infinity is sometimes written", ec(be32(0n), be32(0n)));
  const [other, otherY] = pointFrom(5n, 1n);
  refuse(
    "p256-other-b",
    "p256",
    "a point of the curve with b = 1, as invalid-curve attacks send it",
    ec(be32(other), be32(otherY)),
  );
}

/** Spellings of one member that are not its canonical 43 characters. */
function encodings(group: Group, from: string, key: Required<Jwk>, member: "x" | "y", req: readonly string[]): void {
  const value = key[member];
  const bytes = unb64u(value);
  const last = value.at(-1) as string;
  const next = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const spellings: readonly (readonly [string, string, string])[] = [
    ["31", "the last byte removed", b64u(bytes.subarray(0, 31))],
    ["33", "a zero byte before it", b64u(Buffer.concat([Buffer.of(0), bytes]))],
    ["empty", "no bytes", ""],
    ["padding", "padding appended", `${value}=`],
    ["plain", "a character of plain base64", `+${value.slice(1)}`],
    ["pad-bits", "a pad bit set", `${value.slice(0, -1)}${next[next.indexOf(last) + 1]}`],
    ["newline", "a line break at the end", `${value}\n`],
  ];
  for (const [name, mutation, spelling] of spellings) {
    group.refuse(
      `${from}-${member}-${name}`,
      from,
      `${member}: ${mutation}`,
      req,
      { jwk: { ...key, [member]: spelling } },
      KEY,
    );
  }
}

export function agreement(): Group {
  const group = new Group("claims/key-agree", {
    level: "L1",
    section: SECTION,
    op: "key.check",
    context: { use: "agree" },
  });
  const okp = ["key:okp-point"];
  const x25519 = wireJwk(jwkOf("claims agreement x25519")) as Required<Jwk>;
  const p256 = wireJwk(jwkOf("claims agreement p256"));
  group.accept("p256", "a P-256 key", ["key:p256-point"], { jwk: p256 });
  group.accept("x25519", "an X25519 key", okp, { jwk: x25519 });
  const withX = (bytes: Uint8Array): object => ({ ...x25519, x: b64u(bytes) });
  const topBit = (bytes: Uint8Array): Buffer =>
    Buffer.concat([bytes.subarray(0, 31), Buffer.of((bytes[31] as number) | 0x80)]);
  group.accept("x25519-top-bit", "the most significant bit is ignored (RFC 7748 section 5)", okp, {
    jwk: withX(topBit(unb64u(x25519.x))),
  });
  group.refuse("ed25519", "x25519", "a signing key", okp, { jwk: { ...x25519, crv: "Ed25519" } }, KEY);
  group.accept("x25519-more-members", "members besides those of the point", okp, {
    jwk: { ...x25519, alg: "ECDH-ES", kid: "x" },
  });
  group.accept("x25519-9", "the base point", okp, { jwk: withX(Buffer.alloc(32).fill(9, 0, 1)) });
  group.accept("x25519-p-plus-2", "not reduced, and none of the listed values", okp, {
    jwk: withX(unhex(`ef${"ff".repeat(30)}7f`)),
  });
  for (const [i, value] of SMALL_ORDER.entries()) {
    const bytes = unhex(value);
    const refuse = (name: string, mutation: string, x: Uint8Array): unknown =>
      group.refuse(name, "x25519", mutation, okp, { jwk: withX(x) }, KEY);
    refuse(`small-order-${i + 1}`, `value ${i + 1} of small order`, bytes);
    refuse(
      `small-order-${i + 1}-top-bit`,
      `value ${i + 1} of small order with the most significant bit`,
      topBit(bytes),
    );
  }
  encodings(group, "x25519", x25519, "x", okp);
  group.refuse(
    "p256-off-curve",
    "p256",
    "the lowest bit of y",
    ["key:p256-point"],
    { jwk: { ...p256, y: be32(int(p256.y as string) ^ 1n) } },
    KEY,
  );
  group.refuse("p256-x-p", "p256", "x of p", ["key:p256-point"], { jwk: { ...p256, x: be32(P) } }, KEY);
  return group;
}
