// Tokens that are replaced or taken away in open sessions, as scripts.
import type { Generator } from "./file.ts";
import { refreshClient } from "./lifecycle-refresh-client.ts";
import { refreshServer } from "./lifecycle-refresh-server.ts";
import { revocations } from "./lifecycle-revoke.ts";

export const generate: Generator = () => [...refreshServer(), ...refreshClient(), ...revocations()];
