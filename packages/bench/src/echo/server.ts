import { answer } from "../child.ts";
import { heapShares } from "../heap.ts";
import { startProfile, stopProfile } from "../profile.ts";
import { type Kind, serve } from "./world.ts";

answer({
  serve: (kind: Kind) => serve(kind),
  /** Bytes that live, after two collections: the second one frees what finalizers let go. */
  memory: () => {
    for (let i = 0; i < 2; i++) globalThis.gc?.();
    const { heapUsed, external, rss } = process.memoryUsage();
    return { live: heapUsed + external, rss };
  },
  heap: heapShares,
  startProfile,
  stopProfile,
});
