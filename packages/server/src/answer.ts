import { SealwireError } from "@sealwire/core";
import type { Clock } from "@sealwire/core/internal";

/** What `ask` comes to. Rejects as it does, and after `ms` where it has not answered, with `late` as detail. */
export async function answerOf<T>(
  clock: Clock,
  ms: number,
  late: string,
  ask: () => T | PromiseLike<T>,
): Promise<Awaited<T>> {
  let cancel = () => {};
  const waited = new Promise<never>((_, reject) => {
    cancel = clock.schedule(() => reject(new SealwireError("E_DEPENDENCY", { stage: "local", detail: late })), ms);
  });
  try {
    return await Promise.race([ask(), waited]);
  } finally {
    cancel();
  }
}
