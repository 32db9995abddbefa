import type { StaticIv } from "../crypto/aead.ts";
import { encodeText, type WireFrame } from "../wire/frame.ts";

const TAG = 16;

/** What the short forms leave out. None of it is secret: keys stay where they are. */
export interface ExpandContext {
  /** Protected headers by `h`: 2 * epoch for application messages, 2 * epoch + 1 for control. */
  readonly headers: readonly (Uint8Array | undefined)[];
  readonly iv: StaticIv;
}

/**
 * The compact JOSE object of a binary frame, byte for byte what the text wire would carry; any JOSE library opens it
 * with the session's key. Nothing is verified. Throws TypeError for a frame of another epoch, and
 * for one that holds no tag.
 */
export function expandFrame(frame: WireFrame, { headers, iv }: ExpandContext): string {
  if (frame.form < 3) return encodeText(frame as Exclude<WireFrame, { form: 3 | 4 }>);
  const short = frame as Extract<WireFrame, { form: 3 | 4 }>;
  const header = headers[short.h];
  if (header === undefined) throw new TypeError(`no header is known for h = ${short.h}`);
  if (short.form === 4)
    return encodeText({ form: 1, protected: header, payload: short.payload, signature: short.signature });
  if (short.sealed.length < TAG) throw new TypeError("a frame of form 3 is shorter than its tag");
  return encodeText({
    form: 2,
    protected: header,
    iv: iv.nonce(short.seq),
    ciphertext: short.sealed.subarray(0, -TAG),
    tag: short.sealed.subarray(-TAG),
  });
}
