import { createHash } from "node:crypto";
import { type Codec, DEFAULT_LIMITS, type Level, type Limits, SealwireError } from "@sealwire/core";
import {
  buildEpoch,
  type Chain,
  type Control,
  decodeControl,
  Ledger,
  limitsOf,
  MessageOpener,
  MessageSealer,
  type PrivateJwk,
  type Protection,
  type PublicJwk,
  type Received,
  type ReceivedControl,
  ReplayWindow,
  SessionMachine,
  StrictCounter,
  thumbprint,
  type Wire,
  type WireFrame,
} from "@sealwire/core/internal";
import { backend, parts } from "./backend.ts";
import { applicationResult, controlResult, type WrittenClaims, writeApplication, writeControl } from "./ops-claims.ts";
import { readMessage } from "./ops-frames.ts";
import { type Input, type Message, type Ops, toMessage, unhex } from "./values.ts";

interface Keys {
  readonly key: string;
  readonly iv: string;
  readonly mac: string;
  readonly kid: string;
}

interface Direction {
  readonly wire: Wire;
  readonly level: Level;
  readonly codec: Codec;
  readonly keys: Keys;
  readonly self?: string;
  readonly peer?: string;
}

interface Opens extends Direction {
  readonly peerKey?: PublicJwk;
  readonly last?: number;
  readonly order?: "strict" | "window";
  readonly window?: number;
  readonly committed?: readonly number[];
  readonly sent?: number;
  readonly rcv?: number;
  readonly limits?: Partial<Limits>;
}

interface Seals extends Direction {
  readonly signer?: PrivateJwk;
}

const kidOf = ({ keys }: Direction): string => Buffer.from(keys.kid, "hex").toString("base64url");

async function protectionOf(direction: Direction): Promise<Protection> {
  const { wire, level, codec, keys } = direction;
  const [aead, mac] = [await parts.aead(unhex(keys.key)), await parts.mac(unhex(keys.mac))];
  return { wire, level, codec, epoch: 0, keys: { kid: kidOf(direction), iv: unhex(keys.iv), aead, mac } };
}

async function sealerOf(input: Seals): Promise<MessageSealer> {
  const protection = await protectionOf(input);
  if (input.signer === undefined) return new MessageSealer(protection);
  const signer = await backend.importSigner(input.signer);
  const id = { alg: signer.alg, thumbprint: await thumbprint(backend, signer.publicJwk) };
  return new MessageSealer(protection, { signer, id });
}

function receivedOf({ order, window, committed = [], last = 0 }: Opens): StrictCounter | ReplayWindow {
  if (order === "window") {
    const received = new ReplayWindow(window);
    for (const seq of committed) received.commit(seq);
    return received;
  }
  return new StrictCounter(last);
}

/** No key comes after those of the input. */
const noChain: Chain = { kid: "", key: await parts.mac(new Uint8Array(32)), bytes: undefined };

/** What a control message says of what the input leaves open: which end sends it, and the suite of its key. */
async function heard(input: Opens, frame: WireFrame): Promise<ReceivedControl | undefined> {
  const opener = new MessageOpener({ ...(await protectionOf(input)), level: "aead" });
  if (opener.admits(frame) !== "control") return undefined;
  try {
    return decodeControl((await opener.open(frame, { check() {} })).claims);
  } catch {
    return undefined;
  }
}

/** The machine of a session that stands where the input says. It only receives. */
async function machineOf(input: Opens, control?: ReceivedControl): Promise<SessionMachine> {
  const { wire, level, codec, self = "", peer = "", peerKey, sent = 0, rcv = 0 } = input;
  const limits = limitsOf(input.limits);
  const verifier = peerKey && (await backend.importVerifier(peerKey));
  const { top, epk } = (control?.message ?? {}) as { readonly top?: string; readonly epk?: PublicJwk };
  const role = top === "auth" ? "server" : "client";
  const alg = verifier?.alg ?? "Ed25519";
  const sign = () => {
    throw new Error("it only receives");
  };
  const own = { signer: { alg, publicJwk: peerKey as PublicJwk, sign }, id: { alg, thumbprint: self } };
  const other = verifier && { verifier, id: { alg, thumbprint: await thumbprint(backend, verifier.publicJwk) } };
  const keys = {
    backend,
    role,
    level,
    codec,
    suite: epk?.crv === "X25519" ? "x25519" : "p256",
    serverId: role === "client" ? peer : self,
    serverKey: role === "client" ? other : own,
    clientKey: role === "client" ? own : other,
    exportableChain: false,
  } as const;
  const { messageBytes } = DEFAULT_LIMITS;
  const facts = {
    id: "",
    policy: { pop: "optional", res: 0, seq: "strict" },
    keys,
    messageBytes,
    peerMessageBytes: messageBytes,
    subject: "",
    startedAt: 0,
    longestEnd: 0,
  } as const;
  const traffic = (await protectionOf(input)).keys;
  return new SessionMachine({
    facts,
    epoch: buildEpoch(keys, wire, 0, traffic, traffic, noChain),
    limits,
    ledger: new Ledger(limits, false, { sent, acknowledged: rcv, committed: 0 }),
    received: receivedOf(input),
    serverTime: ({ unix }) => unix,
    elapsed: 0,
  });
}

const at = (seconds: number): { unix: number; elapsed: number } => ({ unix: seconds * 1000, elapsed: 0 });

/** What the machine makes of one message. */
async function received(machine: SessionMachine, frame: WireFrame, now: number): Promise<Received> {
  const all: Received[] = [];
  await machine.receive(frame, at(now), { onReceived: (one) => void all.push(one) });
  return all[0] as Received;
}

function resultOf(one: Received, control?: ReceivedControl): object {
  switch (one.kind) {
    case "dropped":
      // `void` is handed to nobody.
      if (one.error === undefined && control !== undefined) return { kind: "control", ...controlResult(control) };
      throw one.error;
    case "control":
      return { kind: "control", ...controlResult(decodeControl(one.raw)) };
    case "message": {
      const { claims, jws, late } = one;
      if (late !== undefined) throw new SealwireError(late, { stage: "time" });
      return { kind: "message", ...applicationResult(claims), ...(jws === undefined ? {} : { jws }) };
    }
  }
}

async function open(input: Opens & { readonly message: Message; readonly now: number }): Promise<object> {
  const frame = readMessage({ ...input, maxBytes: limitsOf(input.limits).messageBytes });
  const control = await heard(input, frame);
  const machine = await machineOf(input, control);
  return resultOf(await received(machine, frame, input.now), control);
}

/** Levels sig and nest: what binds a message to its signer, its receiver and its connection. */
const bindingOf = (input: Direction): Pick<WrittenClaims, "iss" | "aud" | "bnd"> =>
  input.self === undefined || input.peer === undefined ? {} : { iss: input.self, aud: input.peer, bnd: kidOf(input) };

async function seal(
  input: Seals & WrittenClaims & { readonly control?: Control & { readonly rcv: number } },
): Promise<object> {
  const { seq, jti, iat, exp, top, ref, req, data, bat, control, codec, level } = input;
  if (control !== undefined) {
    const sealer = await sealerOf(input);
    return { message: toMessage(await sealer.control(seq, writeControl({ ...control, seq }))) };
  }
  const claims = writeApplication(codec, level, {
    ...bindingOf(input),
    seq,
    ...(jti === undefined ? {} : { jti }),
    ...(iat === undefined ? {} : { iat }),
    exp,
    top,
    ...(ref === undefined ? {} : { ref }),
    ...(req === undefined ? {} : { req }),
    data,
    ...(bat === undefined ? {} : { bat }),
  });
  const sealer = await sealerOf(input);
  return { message: toMessage(await sealer.application(seq, claims)) };
}

interface Run extends Seals {
  readonly peerKey?: PublicJwk;
  readonly clock: number;
  readonly seed: string;
  readonly count: number;
}

async function accumulate(input: Run): Promise<object> {
  const { codec, level, clock, seed, count, self, peer } = input;
  const sealer = await sealerOf(input);
  const turned = self === undefined || peer === undefined ? {} : { self: peer, peer: self };
  const machine = await machineOf({ ...input, ...turned });
  const binding = bindingOf(input);
  const iat = self === undefined ? {} : { iat: clock };
  const digest = createHash("sha256");
  for (let i = 1; i <= count; i++) {
    const data = { i, x: createHash("sha256").update(`${seed}${i}`).digest("hex") };
    const claims = writeApplication(codec, level, { ...binding, seq: i, ...iat, exp: clock + 60, top: "acc", data });
    const payload = await sealer.application(i, claims);
    resultOf(await received(machine, readMessage({ wire: input.wire, message: toMessage(payload) }), clock));
    digest.update(payload);
  }
  return { digest: digest.digest("hex") };
}

const op =
  <T>(run: (input: T) => Promise<object>) =>
  (input: Input): Promise<object> =>
    run(input as unknown as T);

export const ops: Ops = { "message.open": op(open), "message.seal": op(seal), "message.accumulate": op(accumulate) };
