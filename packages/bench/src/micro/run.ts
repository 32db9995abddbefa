import { randomBytes } from "node:crypto";
import type { Data } from "@sealwire/core";
import { aeadKey, macKey } from "@sealwire/core/internal/node";
import { bytesOf, objectOf, SIZES } from "../data.ts";
import { type Contender, type Effort, type Figure, measure } from "../rounds.ts";
import { floorOfBytes, floorOfMac, floorOfObject } from "./floor.ts";
import { joseEncrypt, joseSign } from "./jose.ts";
import { mls } from "./mls.ts";
import { fastJwt, jsonWebToken, libsodium, noble, tweetnacl } from "./peers.ts";
import { LEVELS, type MessageKeys, named, OTHERS, sealwire } from "./sealwire.ts";

export interface MicroTable {
  readonly what: "bytes" | "object";
  readonly size: number;
  readonly figures: Readonly<Record<string, Figure>>;
}

/** Seal and open, from data to the wire and back to data, in one process. */
export async function micro(effort: Effort, quick: boolean, say: (what: string) => void): Promise<MicroTable[]> {
  const tables: MicroTable[] = [];
  for (const size of quick ? [256, 1_048_576] : SIZES) {
    for (const what of ["bytes", "object"] as const) {
      say(`micro: ${what} of ${size} B`);
      const contenders = await contendersOf(what, size, quick);
      const figures = Object.fromEntries(await measure(contenders, effort));
      tables.push({ what, size, figures });
    }
  }
  return tables;
}

async function contendersOf(what: "bytes" | "object", size: number, quick: boolean): Promise<Contender[]> {
  const bytes = bytesOf(size);
  const data: Data = what === "bytes" ? bytes : (objectOf(size) as Data);
  const own: Contender[] = [];
  for (const level of LEVELS) own.push(await sealwire({ level, wire: "binary", codec: "cbor" }, data, keys()));
  if (!quick)
    for (const setting of OTHERS) own.push(named(await sealwire({ level: "aead", ...setting }, data, keys()), setting));
  const floors = what === "bytes" ? [floorOfBytes(bytes), floorOfMac(bytes)] : [floorOfObject(data)];
  const peers = [await joseEncrypt(data), await joseSign(data)];
  if (what === "object") peers.push(jsonWebToken(data as object), fastJwt(data as object));
  else if (!quick) peers.push(noble(bytes), await libsodium(bytes), tweetnacl(bytes), await mls(bytes));
  return [...floors, ...own, ...peers];
}

function keys(): MessageKeys {
  const raw = randomBytes(32);
  return { aead: aeadKey(new Uint8Array(raw)), mac: macKey(new Uint8Array(raw)) };
}
