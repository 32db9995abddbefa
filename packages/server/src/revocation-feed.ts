import type { Clock } from "@sealwire/core/internal";
import { assertRevocation, type Revocation } from "./revocation.ts";

/** Milliseconds before a feed that ended is subscribed to again: doubled with each time that brings nothing. */
const [FIRST_WAIT, LONGEST_WAIT] = [1000, 60_000];

export interface FeedOptions {
  readonly clock: Clock;
  readonly take: (revocation: Revocation) => Promise<void>;
  readonly report: (detail: string, cause: unknown) => void;
}

/**
 * Takes revocations from elsewhere; one that is not taken is reported, and the feed goes on. When it ends or fails, that is
 * reported too, and it is subscribed to again. The result stops it: its iterator is returned, and nothing more is taken.
 */
export function followRevocations(feed: AsyncIterable<Revocation>, { clock, take, report }: FeedOptions): () => void {
  let stopped = false;
  let iterator: AsyncIterator<Revocation> | undefined;
  let wait = FIRST_WAIT;
  let cancel = () => {};
  const pass = (value: Revocation): void => {
    try {
      assertRevocation(value);
    } catch (cause) {
      report("the option revocations gave what is no revocation", cause);
      return;
    }
    take(value).catch((cause) => report("a revocation was not taken, or not passed on", cause));
  };
  const follow = async (): Promise<void> => {
    iterator = feed[Symbol.asyncIterator]();
    for (;;) {
      const { done, value } = await iterator.next();
      if (stopped || done === true) return;
      wait = FIRST_WAIT;
      pass(value);
    }
  };
  const ended = (how: string, cause?: unknown): void => {
    if (stopped) return;
    if (iterator === (feed as unknown)) {
      report(`the option revocations ${how}: nothing more is revoked by it`, cause);
      return;
    }
    report(`the option revocations ${how}: nothing is revoked by it until it is subscribed to again`, cause);
    cancel = clock.schedule(start, wait);
    wait = Math.min(2 * wait, LONGEST_WAIT);
  };
  const start = (): void => {
    follow().then(
      () => ended("ended"),
      (cause) => ended("failed", cause),
    );
  };
  start();
  return () => {
    if (stopped) return;
    stopped = true;
    cancel();
    const stop = async () => await iterator?.return?.();
    stop().catch((cause) => report("the option revocations could not be stopped", cause));
  };
}
