// Handshakes of a client and of a server, as scripts.
import type { Generator } from "./file.ts";
import { clientAuth } from "./handshake-client-auth.ts";
import { clientClasses } from "./handshake-client-class.ts";
import { clientHello } from "./handshake-client-hello.ts";
import { reportsAndCombinations } from "./handshake-reported.ts";
import { serverHello } from "./handshake-server-hello.ts";
import { serverReady } from "./handshake-server-ready.ts";
import { serverHelloWires } from "./handshake-server-wire.ts";
import { untilReady } from "./handshake-states.ts";
import { accessTokens } from "./handshake-token.ts";

export const generate: Generator = () => [
  ...clientHello(),
  ...serverHello(),
  ...serverHelloWires(),
  ...clientAuth(),
  ...clientClasses(),
  ...accessTokens(),
  ...serverReady(),
  ...untilReady(),
  ...reportsAndCombinations(),
];
