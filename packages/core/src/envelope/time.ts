import type { ErrorCode } from "../registry.generated.ts";

export interface Life {
  readonly iat: number | undefined;
  readonly exp: number;
}

/**
 * The time rules in their normative order (specs/conventions.md, clocks), all in whole seconds. `exp < iat` is a
 * matter of syntax and was refused before. `max` bounds the life also where `iat` is absent.
 */
export function checkLife(life: Life, now: number, skew: number, max: number): ErrorCode | undefined {
  if (now >= life.exp + skew) return "E_EXPIRED";
  if (life.iat !== undefined && life.iat > now + skew) return "E_FUTURE";
  if (life.iat !== undefined && life.exp - life.iat > max) return "E_TTL";
  return life.exp > now + max + skew ? "E_TTL" : undefined;
}
