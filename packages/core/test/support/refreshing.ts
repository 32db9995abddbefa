import type { Grant } from "../../src/session/hooks.ts";
import { controlsOf } from "./live.ts";
import type { PairOptions } from "./pair.ts";
import { resumable } from "./reconnect.ts";

export const START = 1_893_456_000;
export const HOUR = 3600;

/** A server that takes "good <seconds> <scopes…>" until `seconds` from the start. */
export async function refreshing(
  options: PairOptions = {},
): Promise<Awaited<ReturnType<typeof resumable>> & { readonly asked: string[] }> {
  const asked: string[] = [];
  const refresh = async (token: string): Promise<Grant> => {
    asked.push(token);
    const [good, seconds, ...scopes] = token.split(" ");
    if (good !== "good") throw new Error("no token of ours");
    return { expiresAt: START + Number(seconds), scopes };
  };
  const made = await resumable({ ...options, serverHooks: { refresh, ...options.serverHooks } });
  return { ...made, asked };
}

export const answers = (made: { pair: Parameters<typeof controlsOf>[0] }): ReturnType<typeof controlsOf> =>
  controlsOf(made.pair, "server").filter((c) => String(c.top).startsWith("auth"));
