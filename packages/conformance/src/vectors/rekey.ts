// New keys in open sessions, as scripts.
import type { Generator } from "./file.ts";
import { rekeys } from "./lifecycle-rekey.ts";
import { rekeyLimits } from "./lifecycle-rekey-limits.ts";
import { switches } from "./lifecycle-rekey-switch.ts";
import { rekeyWindows } from "./lifecycle-rekey-window.ts";

export const generate: Generator = () => [...rekeys(), ...switches(), ...rekeyLimits(), ...rekeyWindows()];
