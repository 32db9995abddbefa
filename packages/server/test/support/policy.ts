import type { AuthorizeContext } from "../../src/index.ts";

interface Asked extends Partial<AuthorizeContext> {
  readonly subject?: string;
  readonly scopes?: readonly string[];
  readonly claims?: Record<string, unknown>;
}

/** What a server asks for a message to chat.say that comes in, with what a test changes. */
export const contextOf = ({ subject = "alice", scopes = [], claims = {}, ...over }: Asked): AuthorizeContext => ({
  topic: "chat.say",
  direction: "in",
  kind: "message",
  data: null,
  principal: {
    issuer: "https://idp.example",
    subject,
    clientId: undefined,
    tokenId: undefined,
    scopes: new Set(scopes),
    thumbprint: undefined,
    claims,
  },
  ...over,
});
