import { randomBytes } from "node:crypto";
import type { Data } from "@sealwire/core";
import { aeadKey, macKey } from "@sealwire/core/internal/node";
import { bytesOf, objectOf } from "../data.ts";
import type { Contender } from "../rounds.ts";
import { type MessageKeys, sealwire, settings } from "./sealwire.ts";

/** One table: `quick` is fewer contenders. */
export interface Subject {
  readonly what: "bytes" | "object";
  readonly size: number;
  readonly quick: boolean;
}

/** Makes a contender, and loads what it needs and no other one does. */
type Maker = () => Contender | Promise<Contender>;

/** Who is measured, in the same order in every process. */
export function makers({ what, size, quick }: Subject): readonly Maker[] {
  const bytes = bytesOf(size);
  const data: Data = what === "bytes" ? bytes : (objectOf(size) as Data);
  const [floor, jose, peers] = [
    () => import("./floor.ts"),
    () => import("./jose.ts"),
    () => import("./peers.ts"),
  ] as const;
  const own = settings(size, quick).map(
    (setting): Maker =>
      () =>
        sealwire(setting, data, keys()),
  );
  const all: Maker[] = [
    ...own,
    async () => (await jose()).joseEncrypt(data),
    async () => (await jose()).joseSign(data),
  ];
  if (what === "object")
    return [
      async () => (await floor()).floorOfObject(data),
      ...all,
      async () => (await peers()).jsonWebToken(data as object),
      async () => (await peers()).fastJwt(data as object),
    ];
  const bare: Maker[] = [
    async () => (await floor()).floorOfBytes(bytes),
    async () => (await floor()).floorOfMac(bytes),
  ];
  if (quick) return [...bare, ...all];
  return [
    ...bare,
    ...all,
    async () => (await peers()).noble(bytes),
    async () => (await peers()).libsodium(bytes),
    async () => (await peers()).tweetnacl(bytes),
    async () => (await import("./mls.ts")).mls(bytes),
  ];
}

function keys(): MessageKeys {
  const raw = randomBytes(32);
  return { aead: aeadKey(new Uint8Array(raw)), mac: macKey(new Uint8Array(raw)) };
}
