// `init` of session.run, as the handshakes and sessions of core and the token check of the server take it.
import type { JWKS, Limits, PrivateJwk } from "@sealwire/core";
import {
  ClientHandshake,
  type ClientHandshakeOptions,
  createKeySet,
  type Handshake,
  limitsOf,
  type Offer,
  ServerHandshake,
  type ServerHandshakeOptions,
} from "@sealwire/core/internal";
import { tokenVerifier } from "@sealwire/server/internal";
import { scripted, signingKey } from "./session-backend.ts";

interface Names {
  readonly prt: readonly string[];
  readonly st: Offer["suites"];
  readonly lvl: Offer["levels"];
  readonly cod: Offer["codecs"];
}

export interface Init {
  readonly now: number;
  readonly serverId: string;
  readonly rnd: string;
  readonly ephemeral: Readonly<Record<string, PrivateJwk>>;
  readonly msg?: number;
  readonly limits?: Partial<Limits>;
  readonly allow?: readonly string[];
  readonly handlers?: Readonly<Record<string, "echo" | "fail">>;
  readonly order?: "strict" | "window";
  readonly upgradeToken?: unknown;
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

export async function clientHandshake(init: ClientInit, protocol: string): Promise<Handshake> {
  const backend = scripted(init.rnd, init.ephemeral);
  const options: ClientHandshakeOptions = {
    backend,
    serverId: init.serverId,
    serverKeys: await createKeySet(backend, init.pinned, { source: "configured" }),
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

export async function serverHandshake(init: ServerInit, protocol: string, unix: () => number): Promise<Handshake> {
  const limits = limitsFrom(init);
  const signers = await Promise.all(init.identity.map(signingKey));
  const options: ServerHandshakeOptions = {
    backend: scripted(init.rnd, init.ephemeral),
    id: init.serverId,
    signers,
    accept: offerOf(init.support, ["ES256", "Ed25519"]),
    protocols: init.support.prt as ServerHandshakeOptions["protocols"],
    protocol,
    proof: init.pop,
    limits,
    upgradeToken: init.upgradeToken as string | undefined,
    verifyToken: tokenVerifier(init.issuers, { audience: init.serverId, limits, now: unix }),
    admit: () => true,
    ...orderOf(init),
  };
  return new ServerHandshake(options);
}
