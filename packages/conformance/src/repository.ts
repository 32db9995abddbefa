import { fileURLToPath } from "node:url";

/** A path in the checkout, from its root. The same from `src` and from `dist`. */
export const repository = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
