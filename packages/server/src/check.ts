import type { Limits } from "@sealwire/core";
import { CODECS, isIdentifier, LEVELS, limitsOf, namesOf, SUBPROTOCOLS, SUITES } from "@sealwire/core/internal";
import type { ServerOptions, TokenWay } from "./options.ts";

const TOKEN_WAYS: readonly TokenWay[] = ["authorization", "subprotocol"];
/** A cookie's name is a token (RFC 6265 section 4.1.1). */
const COOKIE_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

type Checked = Required<
  Pick<ServerOptions, "protocols" | "levels" | "codecs" | "suites" | "origins" | "trustProxy">
> & {
  readonly limits: Limits;
  /** 0: no resume. */
  readonly resumeSeconds: number;
};

/** Fills in the defaults. @throws TypeError for what cannot work, so that no connection has to find it out */
export function checkOptions(o: ServerOptions): Checked {
  if (typeof o.authorize !== "function") throw new TypeError("authorize is required: nothing is granted by default");
  const { identity, origins = "same-origin", trustProxy = 0, proof = "optional" } = o;
  if (!isIdentifier(identity?.id)) throw new TypeError("identity.id is not 1 to 256 visible ASCII characters");
  if (!Array.isArray(identity.keys) || identity.keys.length === 0) throw new TypeError("identity.keys holds no key");
  if (origins !== "same-origin" && !(Array.isArray(origins) && origins.every(isOrigin))) {
    throw new TypeError('origins is "same-origin" or a list of origins as browsers write them: https://chat.example');
  }
  if (!Number.isSafeInteger(trustProxy) || trustProxy < 0) throw new TypeError("trustProxy is a number of proxies");
  if (proof !== "required" && proof !== "optional") throw new TypeError('proof is "required" or "optional"');
  if (o.order !== undefined && o.order !== "strict" && o.order !== "window") {
    throw new TypeError('order is "strict" or "window"');
  }
  checkCarriers(o);
  const limits = limitsOf(o.limits);
  return {
    origins,
    trustProxy,
    limits,
    resumeSeconds: resumeSeconds(o, limits),
    protocols: namesOf("protocols", o.protocols ?? SUBPROTOCOLS, SUBPROTOCOLS),
    levels: namesOf("levels", o.levels ?? ["aead"], LEVELS),
    codecs: namesOf("codecs", o.codecs ?? ["cbor", "json"], CODECS),
    suites: namesOf("suites", o.suites ?? ["x25519", "p256"], SUITES),
  };
}

function checkCarriers({ tokenAtUpgrade, tickets, verifyAtUpgrade = false, cookie }: ServerOptions): void {
  if (tokenAtUpgrade !== undefined) namesOf("tokenAtUpgrade", tokenAtUpgrade, TOKEN_WAYS);
  if (tickets !== undefined && typeof tickets?.take !== "function") throw new TypeError("tickets: see createTickets");
  if (typeof verifyAtUpgrade !== "boolean") throw new TypeError("verifyAtUpgrade is true or false");
  if (verifyAtUpgrade && tokenAtUpgrade === undefined && tickets === undefined) {
    throw new TypeError("verifyAtUpgrade: no way is enabled; see tokenAtUpgrade and tickets");
  }
  if (cookie === undefined) return;
  if (typeof cookie?.name !== "string" || !COOKIE_NAME.test(cookie.name)) throw new TypeError("cookie.name is no name");
  if (typeof cookie.verify !== "function") throw new TypeError("cookie.verify is missing: a cookie alone says nothing");
}

/** Native apps and extensions have schemes of their own, whose origin the URL parser calls null. */
const isOrigin = (origin: unknown): boolean =>
  typeof origin === "string" &&
  origin !== "null" &&
  // Compared as they are: a pattern would match nothing.
  !origin.includes("*") &&
  (/^https?:/.test(origin)
    ? URL.canParse(origin) && new URL(origin).origin === origin
    : /^[a-z][a-z0-9+.-]*:\/\/[^/]+$/.test(origin));

const METHODS = ["park", "find", "claim", "forget"] as const;

function resumeSeconds({ resume = {}, order = "strict" }: ServerOptions, limits: Limits): number {
  if (resume === false) return 0;
  const { seconds, store } = resume;
  if (seconds !== undefined && order === "window") throw new TypeError("resume: there is none in window order");
  if (seconds !== undefined && !(Number.isSafeInteger(seconds) && seconds >= 1 && seconds <= 86_400))
    throw new TypeError("resume.seconds is a whole number from 1 to 86,400, or resume is false");
  if (store !== undefined && METHODS.some((name) => typeof store?.[name] !== "function"))
    throw new TypeError("resume.store: see createMemoryResumeStore");
  if (store !== undefined && order === "window") throw new TypeError("resume: there is none in window order");
  return order === "window" ? 0 : (seconds ?? limits.resumeSeconds);
}
