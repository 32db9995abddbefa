import { attempt, type SessionHooks, type TopicChecks } from "@sealwire/core/internal";
import type { ConnectOptions } from "./options.ts";

/** What a client's session asks and tells. A listener that fails must not end the session, nor the process. */
export function hooksOf(options: ConnectOptions, topics: TopicChecks | undefined): SessionHooks {
  const { onError, trace, highWaterMark, batch } = options;
  const ignore = () => {};
  return {
    heartbeat: false,
    rateLimited: false,
    topics,
    onError: (error) => attempt(() => onError?.(error) as unknown, ignore),
    ...(trace === undefined ? {} : { trace }),
    ...(highWaterMark === undefined ? {} : { highWaterMark }),
    ...(batch === undefined ? {} : { batch }),
  };
}
