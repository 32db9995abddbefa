// A client's and a server's session in one page, with all that is theirs but the network.
import { systemClock } from "@sealwire/client/internal";
import { generateKey } from "@sealwire/core";
import {
  backend,
  ClientHandshake,
  Connection,
  type CryptoBackend,
  createKeySet,
  DEFAULT_LIMITS,
  type Established,
  frames,
  type Handshake,
  LiveSession,
  ServerHandshake,
  type SessionSocket,
  thumbprint,
} from "@sealwire/core/internal";

const ID = "https://bench.invalid";
const PROTOCOL = "sealwire.v1.cbor";

type Events = Parameters<SessionSocket["listen"]>[0];

const later = Promise.resolve();

/**
 * Two sockets: what goes in at one comes out of the other. A page pays less for it than for any other way to wait. `under`: what
 * the first one was given.
 */
function sockets(under: Uint8Array[] | undefined): readonly [SessionSocket, SessionSocket] {
  const events: (Events | undefined)[] = [];
  const early: Parameters<Events["onMessage"]>[0][][] = [[], []];
  const socket = (own: 0 | 1): SessionSocket => ({
    protocol: PROTOCOL,
    bufferedAmount: 0,
    send(payload, lent) {
      const other = 1 - own;
      if (own === 0 && lent) under?.push(payload as Uint8Array);
      void later.then(() => {
        if (events[other] === undefined) early[other]?.push(payload);
        else events[other].onMessage(payload);
      });
    },
    close(code, reason) {
      for (const one of events) one?.onClose(code, reason);
    },
    terminate() {},
    pause() {},
    resume() {},
    drained: async () => {},
    listen(heard) {
      events[own] = heard;
      for (const payload of early[own]?.splice(0) ?? []) heard.onMessage(payload);
    },
  });
  return [socket(0), socket(1)];
}

interface Sessions {
  readonly client: LiveSession;
  readonly server: LiveSession;
  /**
   * The server has got one more message of the client: without batches, a frame as old as that is the client's again, as it
   * is after `send` of a WebSocket, which copies.
   */
  delivered(): void;
}

/** Level aead, codec cbor. `batch`: what is sent in one turn shares an envelope, as it does by default. */
async function openSessions(batch: boolean, backend: CryptoBackend): Promise<Sessions> {
  const { privateJwk, publicJwk } = await generateKey();
  const signer = await backend.importSigner(privateJwk);
  const limits = { ...DEFAULT_LIMITS, messageBytes: 2 ** 21 };
  const server = new ServerHandshake({
    backend,
    id: ID,
    signers: [{ signer, id: { alg: signer.alg, thumbprint: await thumbprint(backend, signer.publicJwk) } }],
    accept: { suites: ["x25519"], levels: ["aead"], codecs: ["cbor"], signatures: ["ES256", "Ed25519"] },
    protocols: [PROTOCOL],
    protocol: PROTOCOL,
    proof: "optional",
    limits,
    upgradeToken: undefined,
    verifyToken: async () => ({
      issuer: "https://issuer.invalid",
      subject: "alice",
      clientId: undefined,
      scopes: [],
      expiresAt: Math.floor(Date.now() / 1000) + 3600,
      jkt: undefined,
    }),
    admit: () => true,
  });
  const client = new ClientHandshake({
    backend,
    serverId: ID,
    serverKeys: await createKeySet(backend, { keys: [{ ...publicJwk }] }, { source: "configured" }),
    offeredProtocols: [PROTOCOL],
    protocol: PROTOCOL,
    offer: { suites: ["x25519"], levels: ["aead"], codecs: ["cbor"], signatures: ["ES256", "Ed25519"] },
    limits,
    token: "token",
    tokenSentAtUpgrade: false,
    proof: undefined,
  });
  const under: Uint8Array[] | undefined = batch ? undefined : [];
  const [near, far] = sockets(under);
  const session = (socket: SessionSocket, handshake: Handshake): Promise<LiveSession> =>
    new Promise((resolve, reject) => {
      const connection: Connection = new Connection({
        socket,
        clock: systemClock,
        limits,
        handshake,
        rateLimited: false,
        onEstablished: (established: Established) => {
          const hooks = { authorize: () => true, heartbeat: false, rateLimited: false, batch };
          const made = new LiveSession(established, connection, limits, hooks);
          resolve(made);
          return made.receiver;
        },
        onClosed: ({ error }) => reject(error),
      });
    });
  const both = [
    session(far, server),
    session(near, { start: () => client.start(), receive: (frame, time) => client.receive(frame, time) }),
  ] as const;
  const [serverSession, clientSession] = await Promise.all(both);
  return {
    client: clientSession,
    server: serverSession,
    delivered() {
      const frame = under?.shift();
      if (frame !== undefined) frames.giveBack(frame);
    },
  };
}

/** `many` passes, up to `inFlight` at once. */
export async function several(pass: () => Promise<unknown>, many: number, inFlight: number): Promise<void> {
  let left = many;
  const work = async () => {
    while (left-- > 0) await pass();
  };
  await Promise.all(Array.from({ length: inFlight }, work));
}

/** A message through a client's and a server's session: as often as not one has to wait for those before it. */
export async function throughSessions(
  data: Uint8Array,
  batch: boolean,
  cipher: CryptoBackend = backend,
): Promise<() => Promise<void>> {
  const { client, server, delivered } = await openSessions(batch, cipher);
  const waiting: (() => void)[] = [];
  server.handle("chat.msg", () => {
    delivered();
    waiting.shift()?.();
  });
  return () =>
    new Promise<void>((resolve) => {
      waiting.push(resolve);
      void client.send("chat.msg", data);
    });
}
