import { CLOSE_CODES, type Codec, type Data, ERRORS, type ErrorCode, type Level, SealwireError } from "@sealwire/core";
import {
  type ApplicationClaims,
  assertData,
  batchItem,
  type Control,
  checkApplicationClaims,
  checkPublicJwk,
  decodeClaims,
  decodeControl,
  encodeBatch,
  encodeClaims,
  encodeControl,
  type Item,
  isTopic,
  type ReceivedControl,
  type Ref,
  thumbprint,
} from "@sealwire/core/internal";
import { backend } from "./backend.ts";
import { readStandalone, writeStandalone } from "./ops-standalone.ts";
import { fromJson, hex, type Input, type Ops, toJson, unhex } from "./values.ts";

/** Application claims as an input gives them; `data` in place of `dat` and `bin`. */
export interface WrittenClaims {
  readonly iss?: string;
  readonly aud?: string;
  readonly bnd?: string;
  readonly seq: number;
  readonly jti?: string;
  readonly iat?: number;
  readonly exp: number;
  readonly top: string;
  readonly ref?: Ref;
  readonly req?: true;
  readonly data: unknown;
  /** In place of the four before: items as they stand on the wire. */
  readonly bat?: WrittenBatch;
}

type WrittenBatch = readonly (readonly unknown[])[];

const item = ({ topic, ref, request, data }: Item): object => ({ top: topic, ref, req: request, data: toJson(data) });

/** Without members that are undefined, which JSON leaves out anyway. */
export const applicationResult = ({ items, batch: _, ...claims }: ApplicationClaims): object => ({
  ...claims,
  items: items.map(item),
});

export const controlResult = ({ seq, rcv, message }: ReceivedControl): object => ({ seq, ...message, rcv });

/** What a session checks before it seals, then the claims in the order of the table. */
export function writeApplication(codec: Codec, level: Level, claims: WrittenClaims): Uint8Array {
  if (claims.bat !== undefined) return writeBatch(codec, level, claims, claims.bat);
  const data = fromJson(claims.data);
  if (!isTopic(claims.top)) throw new TypeError("not a topic");
  assertData(data, codec);
  return encodeClaims(codec, { ...claims, data });
}

/** Levels of nesting around the data of an item, and room for the claims beside it. */
const IN_BATCH = { depth: 3, nodes: 16 } as const;

/** A session puts nothing into a batch that an opener refuses. */
function writeBatch(codec: Codec, level: Level, claims: WrittenClaims, given: WrittenBatch): Uint8Array {
  const bat = given.map((entry) => refusedAsMistake(() => itemOf(entry.map(fromJson))));
  for (const { data } of bat) {
    assertData(data, codec, IN_BATCH);
    if (codec === "json" && data instanceof Uint8Array) throw new TypeError("bytes have no place in an item");
  }
  const raw = { ...claims, bat } as unknown as Parameters<typeof checkApplicationClaims>[0];
  const { items } = refusedAsMistake(() => checkApplicationClaims(raw, level));
  const outgoing = items.map(({ topic, ref, request, data }) => {
    return { top: topic, ref: ref ?? undefined, req: request || undefined, data } as const;
  });
  return encodeBatch(codec, claims, outgoing);
}

function itemOf(entry: readonly Data[]): Item {
  if (entry.length !== 3 && entry.length !== 4) throw new TypeError("an item has three members, or four");
  const [topic, ref, data, request] = entry;
  return batchItem(topic, ref, data as Data, request);
}

function refusedAsMistake<T>(check: () => T): T {
  try {
    return check();
  } catch (cause) {
    throw new TypeError("no batch that an opener takes", { cause });
  }
}

export function writeControl({
  seq,
  rcv,
  ...message
}: Control & { readonly seq: number; readonly rcv: number }): Uint8Array {
  return encodeControl(seq, rcv, message);
}

function readClaims(input: Input): object {
  const bytes = unhex(input.bytes as string);
  const { codec, level } = input as { codec: Codec; level: Level };
  switch (input.kind) {
    case "control":
      return controlResult(decodeControl(bytes));
    case "standalone":
      return readStandalone(bytes, input.encrypted === true);
    default:
      return applicationResult(checkApplicationClaims(decodeClaims(codec, bytes), level));
  }
}

function writeClaims({ kind, codec, level, ...claims }: Input): Uint8Array {
  switch (kind) {
    case "control":
      return writeControl(claims as unknown as Parameters<typeof writeControl>[0]);
    case "standalone":
      return writeStandalone(claims);
    default:
      return writeApplication(codec as Codec, level as Level, claims as unknown as WrittenClaims);
  }
}

async function checkKey({ jwk, use }: Input): Promise<object> {
  const checked = checkPublicJwk(jwk, use as "sign" | "agree");
  if (!checked.ok) throw new SealwireError("E_KEY", { stage: "claims", detail: checked.detail });
  return use === "sign" ? { thumbprint: await thumbprint(backend, checked.jwk) } : {};
}

function errorInfo(code: ErrorCode): object {
  const { steps, fatal, close } = ERRORS[code];
  return { steps, fatal, close, name: close === null ? null : (CLOSE_CODES[close]?.name ?? null) };
}

export const ops: Ops = {
  "key.check": checkKey,
  "claims.read": readClaims,
  "claims.write": (input) => ({ bytes: hex(writeClaims(input)) }),
  "error.info": ({ code }) => errorInfo(code as ErrorCode),
};
