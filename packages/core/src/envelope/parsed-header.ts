import { SealwireError } from "../errors.ts";
import { DEFAULT_LIMITS, type ErrorCode } from "../registry.generated.ts";
import { decodeUtf8 } from "../wire/bytes.ts";
import { type Json, parseJson } from "../wire/json.ts";

export interface HeaderKind {
  /** The key is named by its thumbprint, or stands there itself where the object proves possession of it. */
  readonly jwk: boolean;
  /** A JWE under a recipient key: `enc` and `epk` too. */
  readonly encrypted?: boolean;
}

const allowed = (key: string, ...more: string[]): ReadonlySet<string> => new Set(["alg", "cty", key, "typ", ...more]);
const PROOF = allowed("jwk");
const SIGNED = allowed("kid");
const ENCRYPTED = allowed("kid", "enc", "epk");

const namesOf = ({ jwk, encrypted = false }: HeaderKind): ReadonlySet<string> =>
  encrypted ? ENCRYPTED : jwk ? PROOF : SIGNED;

/** The members of a header that has to be parsed: SH, the inner object of CA, envelopes. Session headers never are. */
export interface ParsedHeader {
  readonly alg: Json | undefined;
  readonly enc: Json | undefined;
  readonly epk: Json | undefined;
  readonly kid: Json | undefined;
  readonly jwk: Json | undefined;
  readonly cty: Json | undefined;
  /** Last of the checks: the caller makes it after it found the key and compared `alg`. */
  readonly assertContentType: (admitted?: string) => void;
}

const refuse =
  (code: ErrorCode) =>
  (detail: string): never => {
    throw new SealwireError(code, { stage: "header", detail });
  };

/** The members of a header, whatever they are. @throws SealwireError E_HEADER for what is no JSON object within the limits */
export function readHeader(bytes: Uint8Array): { readonly [member: string]: Json } {
  const fail = refuse("E_HEADER");
  if (bytes.length > DEFAULT_LIMITS.headerBytes) fail("header larger than the limit headerBytes");
  const value = parseJson(decodeUtf8(bytes, fail), fail, { maxMembers: DEFAULT_LIMITS.headerMembers });
  if (typeof value !== "object" || value === null || Array.isArray(value)) return fail("header is not an object");
  return value as { readonly [member: string]: Json };
}

/**
 * Checks allow-list and duplicates (E_HEADER), then `typ` (E_TYP). The caller goes on with the key (E_KEY), `alg`
 * (E_ALG) and `cty` (E_CTY), in this order.
 */
export function parseHeader(bytes: Uint8Array, typ: string, kind: HeaderKind): ParsedHeader {
  const fail = refuse("E_HEADER");
  const members = readHeader(bytes);
  const names = namesOf(kind);
  for (const name of Object.keys(members)) {
    // A member this protocol gives no meaning could change how another library reads the object (crit, b64, zip, jku …).
    if (!names.has(name)) fail(`header member ${JSON.stringify(name)}`);
  }
  if (members.typ !== typ) refuse("E_TYP")(`expected ${typ}`);
  return {
    alg: members.alg,
    enc: members.enc,
    epk: members.epk,
    kid: members.kid,
    jwk: members.jwk,
    cty: members.cty,
    assertContentType: (admitted) => {
      if (members.cty !== undefined && members.cty !== admitted) refuse("E_CTY")("this cty is not admitted here");
    },
  };
}
