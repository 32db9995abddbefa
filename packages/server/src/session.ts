import type { Limits } from "@sealwire/core";
import { type Connection, type Established, LiveSession, type SessionHooks } from "@sealwire/core/internal";
import type { Principal } from "./principal.ts";

/** A session as the server has it: with who is at the other end. */
export class LiveServerSession extends LiveSession {
  readonly principal: Principal;
  readonly remoteAddress: string;

  constructor(
    established: Established,
    connection: Connection,
    limits: Limits,
    hooks: SessionHooks,
    peer: { readonly principal: Principal; readonly remoteAddress: string },
  ) {
    super(established, connection, limits, hooks);
    this.principal = peer.principal;
    this.remoteAddress = peer.remoteAddress;
  }
}
