import type { ConnectOptions } from "@sealwire/client";
import { generateProofKey } from "@sealwire/core";
import { calculateJwkThumbprint, exportJWK } from "jose";
import type { DemoConfig, SessionOptions } from "./session.ts";
import { TokenSource } from "./token-source.ts";

export interface Credentials {
  readonly token: Exclude<ConnectOptions["token"], string>;
  readonly proof?: CryptoKeyPair;
}

/** Bearer tokens, or such that are bound to a key which never leaves this page; and what a thief would come with. */
export async function credentialsOf(
  config: DemoConfig,
  { user, level, credentials, token: given }: SessionOptions,
): Promise<Credentials> {
  if (given !== undefined) return { token: () => given };
  const bound = level === "sig" || level === "nest" || credentials?.startsWith("bound");
  const own = bound ? await generateProofKey() : undefined;
  const source = new TokenSource(config.tokens, user, own);
  const token: Credentials["token"] =
    credentials === "expired" ? () => expiredToken(config, user, own) : (context) => source.get(context);
  if (own === undefined || credentials === "bound-no-key") return { token };
  return { token, proof: credentials === "bound-other-key" ? await generateProofKey() : own };
}

async function expiredToken(config: DemoConfig, user: string, key: CryptoKeyPair | undefined): Promise<string> {
  const url = new URL(config.expiredTokens);
  url.searchParams.set("user", user);
  if (key) url.searchParams.set("jkt", await calculateJwkThumbprint(await exportJWK(key.publicKey)));
  return (await fetch(url)).text();
}
