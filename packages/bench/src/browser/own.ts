// In a process of its own: what sessions do themselves where WebCrypto copies, in the engine that Node and Chromium share.
import { answer } from "../child.ts";
import { bytesOf } from "../data.ts";
import { type Shares, startProfile, stopProfile } from "../profile.ts";
import { withoutCipher } from "./no-cipher.ts";
import { several, throughSessions } from "./session.ts";

const IN_FLIGHT = 32;

async function profile(messages: number): Promise<Shares> {
  const pass = await throughSessions(bytesOf(256), false, withoutCipher);
  await several(pass, messages / 4, IN_FLIGHT);
  await startProfile();
  await several(pass, messages, IN_FLIGHT);
  return stopProfile();
}

answer({ profile });
