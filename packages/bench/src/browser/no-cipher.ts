// Sessions and the bare calls without their cipher: what is left is what each of them does itself.
import { type AeadKey, backend, type CryptoBackend } from "@sealwire/core/internal";
import { bareCalls } from "./bare.ts";

const TAG = 16;
/** Has settled: whoever waits for it goes on in a later job, as after WebCrypto. */
const later = Promise.resolve();

function sealed(text: Uint8Array, room = 0): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(room + text.length + TAG);
  bytes.set(text, room);
  return bytes;
}

const opened = (data: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(data).slice(0, data.length - TAG);

const COPIES: AeadKey = {
  seal: (_iv, _aad, text, room) => later.then(() => sealed(text, room)),
  open: (_iv, _aad, data) => later.then(() => opened(data)),
  sealLater: (_nonces, _seq, _aad, text, room, to) => later.then(() => to.ended(sealed(text, room))),
  openLater: (_nonces, _seq, _aad, data, to) => later.then(() => to.ended(opened(data))),
};

/** WebCrypto for the handshake; messages are copied. */
export const withoutCipher: CryptoBackend = {
  ...backend,
  async generateKeyAgreement(suite) {
    const own = await backend.generateKeyAgreement(suite);
    return { ...own, agree: async (peer) => ({ ...(await own.agree(peer)), aead: () => COPIES }) };
  },
};

export const bareWithoutCipher = (): ((plaintext: Uint8Array) => Promise<Uint8Array>) =>
  bareCalls(
    (_, text) => later.then(() => sealed(text).buffer),
    (_, data) => later.then(() => opened(new Uint8Array(data)).buffer),
  );
