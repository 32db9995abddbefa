const SEGMENT = "[A-Za-z0-9_-]+";
const SUBPROTOCOL_TOKEN = new RegExp(`^${SEGMENT}(\\.${SEGMENT}\\.${SEGMENT})?$`);
const TICKET = /^[A-Za-z0-9_-]{22,256}$/;

/** A subprotocol of this prefix carries a token. None of them is selected, or listed in CH. */
export const BEARER_SUBPROTOCOL = "sealwire.bearer.";

/** A compact JWT or base64url: of other tokens some characters do not fit a subprotocol name (RFC 6455 section 4.1). */
export const isSubprotocolToken = (token: string): boolean => SUBPROTOCOL_TOKEN.test(token);

/** At least 128 bits in base64url, and no dots: an access token is not taken for a ticket. */
export const isTicket = (text: string): boolean => TICKET.test(text);
