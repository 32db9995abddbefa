import { SealwireError } from "@sealwire/core";
import type { Clock } from "@sealwire/core/internal";

/** One signal for both ways to give up. */
export function deadline(
  clock: Clock,
  outer: AbortSignal | undefined,
  ms: number,
): { signal: AbortSignal; cancel: () => void } {
  const controller = new AbortController();
  const stop = clock.schedule(
    () => controller.abort(new SealwireError("E_TIMEOUT_HS", { stage: "local", detail: `after ${ms} ms` })),
    ms,
  );
  const forward = () => controller.abort(outer?.reason);
  if (outer?.aborted) forward();
  outer?.addEventListener("abort", forward, { once: true });
  const cancel = () => {
    stop();
    outer?.removeEventListener("abort", forward);
  };
  return { signal: controller.signal, cancel };
}
