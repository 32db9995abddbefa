// `init` of session.run, as the handshakes of core take it.
import type { JWKS, Limits, PrivateJwk } from "@sealwire/core";
import {
  ClientHandshake,
  type ClientHandshakeOptions,
  ClientResume,
  createKeySet,
  type Handshake,
  type LiveSession,
  limitsOf,
  type Offer,
  type ResumeCandidate,
  ServerHandshake,
  type ServerHandshakeOptions,
  tokenHash,
} from "@sealwire/core/internal";
import type { tokenVerifier } from "@sealwire/server/internal";
import { backend } from "./backend.ts";
import type { Authority, Token } from "./session-authority.ts";
import { type Draw, type Draws, signingKey } from "./session-backend.ts";

interface Names {
  readonly prt: readonly string[];
  readonly st: Offer["suites"];
  readonly lvl: Offer["levels"];
  readonly cod: Offer["codecs"];
}

export interface Init extends Draw {
  readonly now: number;
  readonly serverId: string;
  readonly more?: readonly Draw[];
  readonly msg?: number;
  readonly limits?: Partial<Limits>;
  readonly allow?: readonly string[];
  readonly handlers?: Readonly<Record<string, "echo" | "fail">>;
  readonly order?: "strict" | "window";
  readonly upgradeToken?: unknown;
  readonly batch?: true;
}

export interface ClientInit extends Init {
  readonly pinned: JWKS;
  readonly offer: Names & { readonly sig: Offer["signatures"] };
  readonly token: string;
  readonly proofKey?: PrivateJwk;
}

export interface ServerInit extends Init {
  readonly identity: readonly PrivateJwk[];
  readonly support: Names;
  readonly pop: "required" | "optional";
  readonly issuers: Parameters<typeof tokenVerifier>[0];
  readonly res?: number;
  readonly store?: readonly string[] | "down" | "new";
  readonly scopes?: Readonly<Record<string, string>>;
}

const offerOf = ({ st, lvl, cod }: Names, signatures: Offer["signatures"]): Offer => ({
  suites: st,
  levels: lvl,
  codecs: cod,
  signatures,
});

const orderOf = ({ order }: Init): Pick<Init, "order"> => (order === undefined ? {} : { order });

export const limitsFrom = ({ limits, msg }: Init): Limits =>
  limitsOf({ ...limits, ...(msg === undefined ? {} : { messageBytes: msg }) });

export async function clientHandshake(init: ClientInit, protocol: string, draws: Draws): Promise<Handshake> {
  const scripted = draws.backend();
  const options: ClientHandshakeOptions = {
    backend: scripted,
    serverId: init.serverId,
    serverKeys: await createKeySet(scripted, init.pinned, { source: "configured" }),
    offeredProtocols: init.offer.prt,
    protocol,
    offer: offerOf(init.offer, init.offer.sig),
    limits: limitsFrom(init),
    token: init.token,
    tokenSentAtUpgrade: init.upgradeToken === true,
    proof: init.proofKey && (await signingKey(init.proofKey)),
    ...orderOf(init),
  };
  const machine = new ClientHandshake(options);
  return { start: () => machine.start(), receive: (frame, time) => machine.receive(frame, time) };
}

/** With the chain at `place`: 0 is the newest. */
export async function clientResume(
  init: ClientInit,
  protocol: string,
  { facts, ledger }: LiveSession["life"],
  place: number,
): Promise<Handshake> {
  const chain = ledger.chains[place];
  if (chain === undefined) throw new TypeError(`the client has no chain ${place}`);
  const machine = new ClientResume({
    facts,
    ledger,
    chain,
    limits: limitsFrom(init),
    offeredProtocols: init.offer.prt,
    protocol,
    signatures: init.offer.sig,
    ath: init.upgradeToken === true ? await tokenHash(backend, init.token) : undefined,
  });
  return { start: () => machine.start(), receive: (frame, time) => machine.receive(frame, time) };
}

export interface ServerSide {
  readonly draws: Draws;
  readonly authority: Authority;
  readonly upgradeToken: string | undefined;
  readonly findSession: (kid: string) => ResumeCandidate<Token> | undefined;
}

export async function serverHandshake(
  init: ServerInit,
  protocol: string,
  { draws, authority, upgradeToken, findSession }: ServerSide,
): Promise<ServerHandshake<Token>> {
  const options: ServerHandshakeOptions<Token> = {
    backend: draws.backend(),
    id: init.serverId,
    signers: await Promise.all(init.identity.map(signingKey)),
    accept: offerOf(init.support, ["ES256", "Ed25519"]),
    protocols: init.support.prt as ServerHandshakeOptions["protocols"],
    protocol,
    proof: init.pop,
    resume: init.res ?? 0,
    findSession,
    limits: limitsFrom(init),
    upgradeToken,
    verifyToken: (token) => authority.verify(token),
    admit: () => true,
    ...orderOf(init),
  };
  return new ServerHandshake(options);
}
