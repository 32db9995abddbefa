// Reading the binary wire: what arrives is turned into the text that stock JOSE libraries take.
import { decode } from "cbor-x";
import { type Bytes, b64u, json } from "../kit/bytes.ts";
import { nonce } from "../kit/jose.ts";
import { Unmet } from "./connection.ts";

/** `headers`: of application and of control messages, by the parity of `h`. Forms 0 to 2 need neither them nor the IV. */
export function readFrame(bytes: Bytes, headers: readonly string[] = [], staticIv?: Bytes): string {
  const frame: unknown = decode(bytes);
  if (!Array.isArray(frame)) throw new Unmet("a binary message that is no CBOR array");
  const [form, ...parts] = frame as [number, ...(number | Bytes)[]];
  const given = parts.filter((part): part is Bytes => part instanceof Uint8Array);
  if (form === 0) return Buffer.from(given[0] as Bytes).toString();
  if (form < 3) return given.map(b64u).join(".");
  const header = json(headers[(parts[0] as number) % 2] ?? "");
  if (form === 4) return [header, ...given].map(b64u).join(".");
  const sealed = given[0] as Bytes;
  const iv = nonce(staticIv as Bytes, Number(parts[1]));
  return [header, Buffer.of(), iv, sealed.subarray(0, -16), sealed.subarray(-16)].map(b64u).join(".");
}
