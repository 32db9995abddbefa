import { randomBytes } from "node:crypto";
import { type Codec, type Data, generateKey, type Level } from "@sealwire/core";
import {
  backend,
  checkApplicationClaims,
  decodeClaims,
  decodePayload,
  encodeClaims,
  MessageOpener,
  MessageSealer,
  type PublicJwk,
  type SignerId,
  thumbprint,
  type Wire,
} from "@sealwire/core/internal";
import { aeadKey, macKey } from "@sealwire/core/internal/node";
import type { Contender } from "../rounds.ts";

export interface Setting {
  readonly level: Level;
  readonly wire: Wire;
  readonly codec: Codec;
}

/** From the data of a message to the wire and back: claims, seal, frame, open, the check of every claim. */
export async function sealwire({ level, wire, codec }: Setting, data: Data): Promise<Contender> {
  const raw = randomBytes(32);
  const keys = {
    kid: "A".repeat(22),
    iv: new Uint8Array(randomBytes(12)),
    aead: aeadKey(new Uint8Array(raw)),
    mac: macKey(new Uint8Array(raw)),
  };
  const protection = { wire, level, codec, epoch: 0, keys };
  const signed = level === "sig" || level === "nest";
  const party = signed ? await signingParty() : undefined;
  const sealer = new MessageSealer(protection, party && { signer: party.signer, id: party.id });
  const opener = new MessageOpener(protection, party && { verifier: party.verifier, id: party.id });
  const now = Math.floor(Date.now() / 1000);
  const who = signed ? { iss: party?.id.thumbprint ?? "", aud: "https://bench.invalid", bnd: keys.kid, iat: now } : {};
  let seq = 0;
  const pass = () => {
    const claims = encodeClaims(codec, { ...who, seq: ++seq, exp: now + 60, top: "chat.msg", data });
    const payload = sealer.application(seq, claims);
    if (payload instanceof Promise) throw new TypeError("the Node back end is synchronous");
    const opened = opener.open(decodePayload(wire, payload), () => {});
    if (opened instanceof Promise) throw new TypeError("the Node back end is synchronous");
    return checkApplicationClaims(decodeClaims(codec, opened.claims), level).items[0]?.data;
  };
  return {
    name: `sealwire ${level}`,
    run(count) {
      for (let i = 0; i < count; i++) pass();
    },
  };
}

async function signingParty() {
  const signer = await backend.importSigner((await generateKey()).privateJwk);
  const verifier = await backend.importVerifier(signer.publicJwk);
  const id: SignerId = { alg: signer.alg, thumbprint: await nameOf(signer.publicJwk) };
  return { signer, verifier, id };
}

const nameOf = async (jwk: PublicJwk): Promise<string> => thumbprint(backend, jwk);
