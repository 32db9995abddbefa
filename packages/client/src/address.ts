/**
 * Set this option to `true` to connect to a `ws:` address that is not loopback: everything is still sealed, but
 * whoever is on the way sees the upgrade request and may serve the page. A symbol, so that it cannot come from JSON.
 */
export const unsafeAllowInsecure: unique symbol = Symbol("sealwire.unsafeAllowInsecure");

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

export const isLoopback = (url: URL): boolean => LOOPBACK.test(url.hostname);

/** A wss: address, or ws: to this machine. */
export function checkAddress(address: string | URL, insecure: boolean): URL {
  // Not in the text: an address can hold what nobody else is to see.
  if (!URL.canParse(address))
    throw new TypeError("address is no URL; all of it is needed, such as wss://chat.example/path");
  const url = new URL(address);
  if (url.protocol !== "wss:" && url.protocol !== "ws:")
    throw new TypeError(`not a WebSocket address: ${url.protocol}//…`);
  if (url.username !== "" || url.password !== "" || url.hash !== "") {
    throw new TypeError("a WebSocket address has no user, password or fragment");
  }
  // Addresses end up in logs (RFC 9700 section 4.3.2).
  if (url.searchParams.has("access_token") || url.searchParams.has("ticket")) {
    throw new TypeError("an address holds no token: see the option tokenAtUpgrade");
  }
  if (url.protocol === "ws:" && !isLoopback(url) && !insecure) {
    throw new TypeError(`use wss: to reach ${url.hostname}, or set the option [unsafeAllowInsecure]: true`);
  }
  return url;
}
