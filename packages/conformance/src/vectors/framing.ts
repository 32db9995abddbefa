// The two wires: what a message is before anything in it is authenticated.
import type { Generator } from "./file.ts";
import { binaryWire } from "./framing-binary.ts";
import { encode, expand } from "./framing-encode.ts";
import { base64url, frames, textWire } from "./framing-text.ts";

export const generate: Generator = () => [frames(), textWire(), base64url(), binaryWire(), encode(), expand()];
