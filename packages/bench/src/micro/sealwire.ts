import { type Codec, type Data, generateKey, type Level } from "@sealwire/core";
import {
  type AeadKey,
  backend,
  chain,
  checkApplicationClaims,
  decodeClaims,
  decodePayload,
  encodeClaims,
  type MacKey,
  type Maybe,
  MessageOpener,
  MessageSealer,
  type PublicJwk,
  type SignerId,
  thumbprint,
  type Wire,
} from "@sealwire/core/internal";
import { bytesOf } from "../data.ts";
import type { Contender } from "../rounds.ts";

export interface Setting {
  readonly level: Level;
  readonly wire: Wire;
  readonly codec: Codec;
}

/** Of the back end that is measured. */
export interface MessageKeys {
  readonly aead: AeadKey;
  readonly mac: MacKey;
}

const LEVELS: readonly Level[] = ["mac", "aead", "sig", "nest"];

/** Beside the binary wire with codec cbor. */
const OTHERS: readonly Omit<Setting, "level">[] = [
  { wire: "binary", codec: "json" },
  { wire: "text", codec: "cbor" },
  { wire: "text", codec: "json" },
];

/** Every level on every wire with every codec is measured at this size; at others so is level aead. */
const ALL_SIZE = 256;

/** What is measured: each level, and what else there is of wires and codecs. `quick`: without those. */
export function settings(size: number, quick: boolean): readonly Setting[] {
  const usual = LEVELS.map((level): Setting => ({ level, wire: "binary", codec: "cbor" }));
  const levels = LEVELS.filter((level) => level === "aead" || size === ALL_SIZE);
  return [...usual, ...(quick ? [] : levels.flatMap((level) => OTHERS.map((other) => ({ level, ...other }))))];
}

const titleOf = ({ level, wire, codec }: Setting): string =>
  wire === "binary" && codec === "cbor" ? `sealwire ${level}` : `sealwire ${level}, ${wire}, ${codec}`;

/** From the data of a message to the wire and back: claims, seal, frame, open, the check of every claim. */
export async function sealwire({ level, wire, codec }: Setting, data: Data, own: MessageKeys): Promise<Contender> {
  const keys = { kid: "A".repeat(22), iv: bytesOf(12), ...own };
  const protection = { wire, level, codec, epoch: 0, keys };
  const signed = level === "sig" || level === "nest";
  const party = signed ? await signingParty() : undefined;
  const sealer = new MessageSealer(protection, party && { signer: party.signer, id: party.id });
  const opener = new MessageOpener(protection, party && { verifier: party.verifier, id: party.id });
  const now = Math.floor(Date.now() / 1000);
  const iss = party?.id.thumbprint;
  const [aud, bnd, iat] = signed ? ["https://bench.invalid", keys.kid, now] : [];
  const [jti, ref, req, exp, top] = [undefined, undefined, undefined, now + 60, "chat.msg"];
  let seq = 0;
  const pass = (): Maybe<unknown> => {
    // All of them, as a session does it.
    const claims = encodeClaims(codec, { iss, aud, bnd, seq: ++seq, jti, iat, exp, top, ref, req, data });
    return chain(sealer.application(seq, claims), (payload) =>
      chain(
        opener.open(decodePayload(wire, payload), { check() {} }),
        (opened) => checkApplicationClaims(decodeClaims(codec, opened.claims), level).items[0]?.data,
      ),
    );
  };
  return {
    name: titleOf({ level, wire, codec }),
    // With node:crypto there is no promise on the way.
    run(count) {
      for (let i = 1; i <= count; i++) {
        const passed = pass();
        if (passed instanceof Promise) return rest(passed, count - i);
      }
    },
  };

  async function rest(first: Promise<unknown>, count: number): Promise<void> {
    await first;
    for (let i = 0; i < count; i++) await pass();
  }
}

async function signingParty() {
  const signer = await backend.importSigner((await generateKey()).privateJwk);
  const verifier = await backend.importVerifier(signer.publicJwk);
  const id: SignerId = { alg: signer.alg, thumbprint: await nameOf(signer.publicJwk) };
  return { signer, verifier, id };
}

const nameOf = async (jwk: PublicJwk): Promise<string> => thumbprint(backend, jwk);
