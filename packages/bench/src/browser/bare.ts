import type { Data } from "@sealwire/core";
import { Encoder } from "cbor-x/index-no-eval";
import { bytesOf } from "../data.ts";
import { type Contender, oneByOne } from "../rounds.ts";

/** As long as the header of a session, which is authenticated with every message. */
const AAD = new Uint8Array(120).fill(65);

export type Encrypt = (params: AesGcmParams, plaintext: Uint8Array) => Promise<ArrayBuffer | Uint8Array>;
export type Decrypt = (params: AesGcmParams, sealed: ArrayBuffer | Uint8Array) => Promise<ArrayBuffer>;

const STATIC_IV = bytesOf(12);

type Bytes = Uint8Array<ArrayBuffer>;

interface GcmParams extends AesGcmParams {
  readonly iv: Bytes;
}

function paramsOf(seq: number): GcmParams {
  const iv = STATIC_IV.slice();
  new DataView(iv.buffer).setUint32(8, seq);
  return { name: "AES-GCM", iv, additionalData: AAD, tagLength: 128 };
}

/** One call to encrypt and one to decrypt, a counter as IV. */
export function bareCalls(encrypt: Encrypt, decrypt: Decrypt): (plaintext: Uint8Array) => Promise<Uint8Array> {
  let seq = 0;
  return async (plaintext) => {
    const params = paramsOf(++seq);
    return new Uint8Array(await decrypt(params, await encrypt(params, plaintext)));
  };
}

/** What WebCrypto costs however it is used. */
export async function bareWebCrypto(): Promise<(plaintext: Uint8Array) => Promise<Uint8Array>> {
  const { subtle } = crypto;
  const key = await newKey();
  return bareCalls(
    (params, plaintext) => subtle.encrypt(params, key, plaintext as Uint8Array<ArrayBuffer>),
    (params, sealed) => subtle.decrypt(params, key, sealed as ArrayBuffer),
  );
}

/** Of 256 B of data with a topic of 8 characters: what stands before the data in its claims, and before them in the frame. */
const [CLAIMS, FRAME] = [34, 8];

/**
 * The same at two ends: one seals and the other one opens, with no promise but those of WebCrypto and of the line between them.
 * The bytes go where those of an envelope go: data behind other claims, ciphertext behind the head of a frame, and out of the
 * claims into memory of its own. All else that a call needs is used again. `size`: of the data.
 */
export async function twoEnds(size: number): Promise<(data: Uint8Array) => Promise<Uint8Array>> {
  const { subtle } = crypto;
  const key = await newKey();
  const spare = { claims: [] as Bytes[], frames: [] as Bytes[], params: [] as GcmParams[] };
  const numbered = (seq: number): GcmParams => {
    const params = spare.params.pop() ?? paramsOf(seq);
    for (let i = 0, rest = seq; i < 4; i++, rest >>>= 8) params.iv[11 - i] = rest;
    return params;
  };
  let sent = 0;
  const open = (frame: Bytes, seq: number, deliver: (data: Uint8Array) => void): void => {
    const params = numbered(seq);
    // Should it fail, the page says so.
    void subtle.decrypt(params, key, frame.subarray(FRAME)).then((opened) => {
      spare.params.push(params);
      spare.frames.push(frame);
      deliver(new Uint8Array(opened).slice(CLAIMS));
    });
  };
  const seal = (data: Uint8Array, deliver: (data: Uint8Array) => void): void => {
    const seq = ++sent;
    const claims = spare.claims.pop() ?? new Uint8Array(CLAIMS + size);
    claims.set(data, CLAIMS);
    const params = numbered(seq);
    void subtle.encrypt(params, key, claims).then((sealed) => {
      spare.params.push(params);
      spare.claims.push(claims);
      const frame = spare.frames.pop() ?? new Uint8Array(FRAME + sealed.byteLength);
      frame.set(new Uint8Array(sealed), FRAME);
      void later.then(() => open(frame, seq, deliver));
    });
  };
  return (data) => new Promise((resolve) => seal(data, resolve));
}

const later = Promise.resolve();

const newKey = (): Promise<CryptoKey> =>
  crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);

export async function floorOfBytes(data: Uint8Array): Promise<Contender> {
  const pass = await bareWebCrypto();
  return oneByOne("bare WebCrypto AES-GCM", () => pass(data));
}

/** The codec that Sealwire sends with, and nothing around it. */
export async function floorOfObject(data: Data): Promise<Contender> {
  const codec = new Encoder({ useRecords: false, variableMapSize: true, tagUint8Array: false });
  const pass = await bareWebCrypto();
  return oneByOne("bare WebCrypto AES-GCM, cbor-x", async () => codec.decode(await pass(codec.encode(data))));
}
