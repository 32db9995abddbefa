import type { Revocation } from "./revocation.ts";

export interface FeedOptions {
  readonly take: (revocation: Revocation) => void;
  readonly report: (detail: string, cause: unknown) => void;
}

/**
 * Takes revocations from elsewhere until the feed ends or fails, which is reported; one that is not taken is reported, and
 * the feed goes on. The result stops it: its iterator is returned, and nothing more is taken.
 */
export function followRevocations(feed: AsyncIterable<Revocation>, { take, report }: FeedOptions): () => void {
  let stopped = false;
  let iterator: AsyncIterator<Revocation> | undefined;
  const follow = async (): Promise<void> => {
    iterator = feed[Symbol.asyncIterator]();
    for (;;) {
      const { done, value } = await iterator.next();
      if (stopped || done === true) return;
      try {
        take(value);
      } catch (cause) {
        report("a revocation was not taken", cause);
      }
    }
  };
  const failed = (cause: unknown) => {
    if (!stopped) report("the option revocations failed: nothing more is revoked by it", cause);
  };
  follow().catch(failed);
  return () => {
    if (stopped) return;
    stopped = true;
    const stop = async () => await iterator?.return?.();
    stop().catch((cause) => report("the option revocations could not be stopped", cause));
  };
}
