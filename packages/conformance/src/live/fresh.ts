// Keys that live for one connection.
import { randomBytes } from "node:crypto";
import { type Jwk, type Kind, keyOf } from "../kit/keys.ts";

export const freshKey = (kind: Kind): Jwk => keyOf(randomBytes(32), kind);

export const ephemeral = (suite: string): Jwk => freshKey(suite === "x25519" ? "x25519" : "p256");
