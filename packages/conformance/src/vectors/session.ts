// Open sessions, as scripts.
import type { Generator } from "./file.ts";
import { sentBatches } from "./session-batches.ts";
import { bindings } from "./session-binding.ts";
import { closings } from "./session-close.ts";
import { control } from "./session-control.ts";
import { frames } from "./session-frames.ts";
import { limits } from "./session-limits.ts";
import { requests } from "./session-requests.ts";
import { talks } from "./session-talk.ts";
import { windows } from "./session-window.ts";

export const generate: Generator = () => [
  ...talks(),
  ...requests(),
  ...sentBatches(),
  ...control(),
  ...closings(),
  ...frames(),
  ...bindings(),
  ...limits(),
  ...windows(),
];
