// Between two moments of virtual time everything that is under way has to finish: promises and ticks, which the event
// loop runs before the next immediate, and WebCrypto, which works on other threads and is therefore counted.

let atWork = 0;
let watching = false;

/** From now on WebCrypto's work is counted. Tokens are checked with it on every backend. */
export function watchWebCrypto(): void {
  if (watching) return;
  watching = true;
  const { subtle } = globalThis.crypto;
  const names = ["encrypt", "decrypt", "sign", "verify", "digest", "deriveBits", "deriveKey"] as const;
  for (const name of [...names, "importKey", "exportKey", "generateKey"] as const) {
    const work = subtle[name].bind(subtle) as (...args: never[]) => Promise<unknown>;
    Object.assign(subtle, {
      [name]: (...args: never[]) => {
        atWork++;
        return work(...args).finally(() => atWork--);
      },
    });
  }
}

/** Resolves when nothing is under way any more. */
export async function settle(): Promise<void> {
  // The second round is for what an immediate itself set in motion.
  for (let quiet = 0; quiet < 2; quiet = atWork > 0 ? 0 : quiet + 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}
