import type { IncomingMessage } from "node:http";
import { type Awaitable, type Limits, SealwireError } from "@sealwire/core";
import { BEARER_SUBPROTOCOL, type Clock, isSubprotocolToken, isTicket, type Maybe } from "@sealwire/core/internal";
import { dpopHolds } from "./dpop.ts";
import type { ServerOptions } from "./options.ts";
import type { TicketRecord } from "./tickets.ts";
import type { CheckedToken, VerifyToken } from "./tokens.ts";
import { bearerTokens, type Refusal } from "./upgrade.ts";

/** What an upgrade request carried besides the connection, and what the handshake makes of it. */
export interface Carried {
  /** The token or ticket, as transmitted. */
  readonly token: string | undefined;
  /** The check before the 101, where it is asked for; what resolves to undefined lets the upgrade go on. */
  readonly early: (() => Promise<Refusal | undefined>) | undefined;
  readonly verifyToken: VerifyToken;
  readonly admit: (token: CheckedToken) => Maybe<boolean>;
}

/** Reads the ways that are enabled; the others are not looked at. */
export function carrierReader(
  options: ServerOptions,
  limits: Limits,
  verifyToken: VerifyToken,
  clock: Clock,
): (req: IncomingMessage) => Carried | Refusal {
  const { tokenAtUpgrade = [], tickets, cookie, verifyAtUpgrade = false, admit } = options;
  const asksNobody = cookie === undefined && admit === undefined;
  const consent = async ({ principal }: CheckedToken, value: string | undefined): Promise<boolean> =>
    (cookie === undefined ||
      (await given("cookie.verify", () => cookie.verify(value as string, principal))) === true) &&
    (admit === undefined || (await given("admit", () => admit(principal))) === true);
  const redeem = (ticket: string) => redeemTicket(ticket, tickets as NonNullable<typeof tickets>, limits, clock);
  return (req) => {
    const header = tokenAtUpgrade.includes("authorization") ? bearerTokens(req) : [];
    const names = tokenAtUpgrade.includes("subprotocol") ? subprotocolTokens(req) : [];
    const queried = tickets === undefined ? [] : ticketsOf(req);
    if (names === "malformed")
      return { status: 400, text: `${BEARER_SUBPROTOCOL}<token> comes last, after a Sealwire subprotocol` };
    if (queried.some((ticket) => !isTicket(ticket))) return { status: 400, text: "the ticket is not one" };
    const [token, ...more] = [...header, ...names, ...queried];
    if (more.length > 0) return { status: 400, text: "more than one access token" };
    const value = cookie === undefined ? undefined : cookieOf(req, cookie.name);
    if (value !== undefined && typeof value !== "string") return value;
    let redeemed: Promise<TicketRecord> | undefined;
    const verify: VerifyToken = async (text) => {
      if (queried.length === 0 || text !== token) return await verifyToken(text);
      // Once per connection: what the check before the 101 took is not there any more.
      redeemed ??= redeem(text);
      const record = await redeemed;
      return await verifyToken(record.token, record.jkt);
    };
    return {
      token,
      verifyToken: queried.length === 0 ? verifyToken : verify,
      early:
        verifyAtUpgrade && token !== undefined
          ? () => inTime(verifyEarly(req, token, verify, limits, clock), limits.handshakeSeconds, clock)
          : undefined,
      admit: asksNobody ? admitted : (checked) => consent(checked, value),
    };
  };
}

const admitted = (): boolean => true;

/** What the application gave is asked. Where it fails, `onError` is told which option it was, and why; the peer is not. */
async function given<T>(option: string, ask: () => Awaitable<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    if (cause instanceof SealwireError) throw cause;
    throw new SealwireError("E_INTERNAL", { detail: `option ${option} failed`, cause });
  }
}

/** A store that does not answer must not hold the place of a connection for ever. */
async function inTime(work: Promise<Refusal | undefined>, seconds: number, clock: Clock): Promise<Refusal | undefined> {
  let cancel = () => {};
  const late = new Promise<Refusal>((resolve) => {
    const error = new SealwireError("E_TIMEOUT_HS", { detail: "the check before the 101" });
    cancel = clock.schedule(() => resolve({ status: 503, text: "not ready", error }), seconds * 1000);
  });
  return await Promise.race([work, late]).finally(cancel);
}

/** RFC 6750 section 3.1. The reason stays with the server, and so does the token. */
async function verifyEarly(
  req: IncomingMessage,
  token: string,
  verify: VerifyToken,
  limits: Limits,
  clock: Clock,
): Promise<Refusal | undefined> {
  const refused = (error: SealwireError): Refusal => ({ status: 401, text: "the access token is not accepted", error });
  try {
    if (token.length > limits.tokenBytes)
      return refused(new SealwireError("E_TOKEN", { stage: "claims", detail: "tokenBytes" }));
    const { jkt } = await verify(token);
    if (req.headersDistinct.dpop === undefined || (await dpopHolds(req, { token, jkt }, limits, clock)))
      return undefined;
    return refused(new SealwireError("E_POP", { stage: "claims", detail: "the DPoP header proves nothing here" }));
  } catch (cause) {
    const own = cause instanceof SealwireError ? cause : undefined;
    if (own !== undefined && own.code !== "E_BUSY" && own.code !== "E_INTERNAL") return refused(own);
    const detail = "the token cannot be checked";
    const error = own?.code === "E_INTERNAL" ? own : new SealwireError("E_INTERNAL", { detail, cause });
    return { status: 503, text: "not ready", error };
  }
}

async function redeemTicket(
  ticket: string,
  tickets: NonNullable<ServerOptions["tickets"]>,
  { ticketSeconds }: Limits,
  clock: Clock,
): Promise<TicketRecord> {
  const refuse = (detail: string): never => {
    throw new SealwireError("E_TOKEN", { stage: "claims", detail });
  };
  const record = await given("tickets", () => tickets.take(ticket));
  if (record === undefined) return refuse("the ticket is unknown, used or expired");
  if (typeof record.jkt !== "string") return refuse("the ticket was issued without the thumbprint of a key");
  if (!(record.issuedAt + ticketSeconds * 1000 > clock.unix())) return refuse("limit ticketSeconds");
  return record;
}

/** Tokens among the offered subprotocols; "malformed" where one is no token, or stands where it could be selected. */
function subprotocolTokens(req: IncomingMessage): readonly string[] | "malformed" {
  const offered = (req.headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
  const first = offered.findIndex((name) => name.startsWith(BEARER_SUBPROTOCOL));
  if (first < 0) return [];
  const tokens = offered
    .slice(first)
    .map((name) => (name.startsWith(BEARER_SUBPROTOCOL) ? name.slice(BEARER_SUBPROTOCOL.length) : ""));
  return first > 0 && tokens.every((token) => isSubprotocolToken(token)) ? tokens : "malformed";
}

/** As transmitted: what is percent-encoded has another spelling, and another hash, than the ticket. */
const ticketsOf = ({ url = "" }: IncomingMessage): readonly string[] =>
  url
    .split("?")
    .slice(1)
    .join("?")
    .split("&")
    .flatMap((pair) => (pair === "ticket" || pair.startsWith("ticket=") ? [pair.slice("ticket=".length)] : []));

/** Cookies go with the requests of every page, so that a page has to say which one it is. */
function cookieOf(req: IncomingMessage, name: string): string | Refusal {
  if (req.headers.origin === undefined) {
    return { status: 403, text: "no Origin", error: new SealwireError("E_ORIGIN", { detail: "a cookie, no Origin" }) };
  }
  const pairs = (req.headers.cookie ?? "").split(";").map((pair) => pair.trim());
  const [value, ...more] = pairs.flatMap((pair) => (pair.startsWith(`${name}=`) ? [pair.slice(name.length + 1)] : []));
  if (value !== undefined && more.length === 0) return value;
  const error = new SealwireError("E_FORBIDDEN", { detail: `not exactly one cookie ${name}` });
  return { status: 403, text: "a cookie is missing, or there twice", error };
}
