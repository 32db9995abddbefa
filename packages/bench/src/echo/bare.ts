import { createCipheriv, createDecipheriv, createSecretKey } from "node:crypto";

const OPTIONS = { authTagLength: 16 };
const [SEQ, TAG] = [8, 16];

export interface BareGcm {
  seal(data: Uint8Array): Uint8Array;
  open(frame: Uint8Array): Uint8Array;
}

/** What node:crypto costs a message however it is used, and no protocol: a number, AES-256-GCM, nothing that is checked. */
export function bareGcm(raw: Uint8Array): BareGcm {
  const key = createSecretKey(raw);
  const [iv, theirs] = [Buffer.alloc(12), Buffer.alloc(12)];
  let seq = 0;
  return {
    seal(data) {
      iv.writeUInt32BE(++seq, 8);
      const cipher = createCipheriv("aes-256-gcm", key, iv, OPTIONS);
      const text = cipher.update(data);
      cipher.final();
      const frame = new Uint8Array(SEQ + text.length + TAG);
      frame.set(iv.subarray(4));
      frame.set(text, SEQ);
      frame.set(cipher.getAuthTag(), SEQ + text.length);
      return frame;
    },
    open(frame) {
      const end = frame.length - TAG;
      theirs.set(frame.subarray(0, SEQ), 4);
      const decipher = createDecipheriv("aes-256-gcm", key, theirs, OPTIONS);
      decipher.setAuthTag(frame.subarray(end));
      const text = decipher.update(frame.subarray(SEQ, end));
      decipher.final();
      return text;
    },
  };
}
