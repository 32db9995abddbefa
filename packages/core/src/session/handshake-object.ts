import { nonce, seqOfNonce } from "../crypto/aead.ts";
import type { Header } from "../envelope/headers.ts";
import { SealwireError } from "../errors.ts";
import { attempt, chain, type Maybe } from "../maybe.ts";
import { concat, equal } from "../wire/bytes.ts";
import type { WireFrame } from "../wire/frame.ts";
import type { HandshakeKeys } from "./schedule.ts";

/** CA and SR are JWEs under their own keys, each the only message of its key: seq 0. */
const SEQ = 0;

export function sealHandshakeObject(keys: HandshakeKeys, header: Header, plaintext: Uint8Array): Maybe<WireFrame> {
  const iv = nonce(keys.iv, SEQ);
  return chain(keys.aead.seal(iv, header.aad, plaintext), (sealed) => ({
    form: 2,
    protected: header.json,
    iv,
    ciphertext: sealed.subarray(0, -16),
    tag: sealed.subarray(-16),
  }));
}

/** `header`: the constant that the receive table admits here. */
export function openHandshakeObject(keys: HandshakeKeys, frame: WireFrame, header: Header): Maybe<Uint8Array> {
  if (frame.form !== 2 || !equal(header.json, frame.protected))
    throw new SealwireError("E_HEADER", { detail: "not in the receive table" });
  if (seqOfNonce(keys.iv, frame.iv) !== SEQ) throw new SealwireError("E_IV");
  if (frame.tag.length !== 16) throw new SealwireError("E_CRYPTO");
  return attempt(() => keys.aead.open(frame.iv, header.aad, concat(frame.ciphertext, frame.tag)), notOpened);
}

function notOpened(cause: unknown): never {
  throw new SealwireError("E_CRYPTO", { cause });
}
