// What runs inside the browser: the client as a page has it, with the browser's own WebSocket.
import { type ConnectOptions, connect } from "@sealwire/client";

type Given = Omit<ConnectOptions, "proof"> & { readonly proof?: JsonWebKey };

/** The key arrives as a JWK, because a CryptoKey does not leave the browser it is in, and does not get in either. */
async function tryConnect(url: string, { proof, ...options }: Given): Promise<object> {
  try {
    const key =
      proof === undefined ? {} : { proof: proof as Exclude<ConnectOptions["proof"], CryptoKeyPair | undefined> };
    const session = await connect(url, { ...options, ...key });
    const { subject, protocol } = session;
    await session.close();
    return { subject, protocol };
  } catch (error) {
    const { name, code, message } = error as Error & { code?: string };
    return { name, code, message };
  }
}

Object.assign(globalThis, { tryConnect });
