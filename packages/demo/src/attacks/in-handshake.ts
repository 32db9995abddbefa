import { captured, flipBit, onceOn, stripEnd } from "./frames.ts";
import type { ClientAttack, HandshakeAttack } from "./types.ts";

/** Attacks on the handshake: the relay is armed, then the victim connects. */
export const HANDSHAKE_ATTACKS: readonly HandshakeAttack[] = [
  {
    id: "strip-signature",
    title: "Strip the signature",
    what: "Removes the server's signature from its hello.",
    on: "handshake",
    expect: { side: "client", code: "E_SIG_SERVER", closeCode: 4501 },
    arm: () => ({ onConnection: (c) => onceOn(c, "s2c", ["SH"], (frame) => [stripEnd(frame)]) }),
  },
  {
    id: "strip-proof",
    title: "Strip the proof",
    what: "Removes the tag from the client's sealed authentication.",
    on: "handshake",
    expect: { side: "server", code: "E_CRYPTO", closeCode: 4501 },
    arm: () => ({ onConnection: (c) => onceOn(c, "c2s", ["CA"], (frame) => [stripEnd(frame)]) }),
  },
  {
    id: "tamper-hello",
    title: "Change the hello",
    what: "Flips one bit in the payload of the server's signed hello.",
    on: "handshake",
    expect: { side: "client", code: "E_SIG_SERVER", closeCode: 4501 },
    arm: () => ({ onConnection: (c) => onceOn(c, "s2c", ["SH"], (frame) => [flipBit(frame)]) }),
  },
  {
    id: "swap-hello",
    title: "Swap the hello",
    what: "Answers with a server hello, truly signed, but recorded on another connection.",
    on: "handshake",
    needsOther: true,
    expect: { side: "client", code: "E_TRANSCRIPT", closeCode: 4501 },
    arm({ other }) {
      const recorded = other && captured(other, "s2c", "SH");
      if (!recorded)
        throw new RangeError("The relay has no server hello of another connection; connect another user first.");
      return { onConnection: (c) => onceOn(c, "s2c", ["SH"], () => [recorded]) };
    },
  },
  {
    id: "downgrade",
    title: "Downgrade the wire",
    what: "Removes the binary wire from the offer, so that the peers fall back to text.",
    on: "handshake",
    offersBoth: true,
    expect: { side: "server", code: "E_DOWNGRADE", closeCode: 4406 },
    arm: () => ({ offer: (offered) => offered.filter((p) => p !== "sealwire.v1.cbor") }),
  },
];

/** No relay in them: somebody comes with a token that should not open a session. */
export const CLIENT_ATTACKS: readonly ClientAttack[] = [
  {
    id: "expired-token",
    title: "Expired token",
    what: "Connects with a genuine access token that expired an hour ago.",
    on: "client",
    credentials: "expired",
    expect: { side: "server", code: "E_TOKEN", closeCode: 3000 },
  },
  {
    id: "stolen-token",
    title: "Stolen token",
    what: "Presents a key-bound token as if it were a bearer token, without its key.",
    on: "client",
    credentials: "bound-no-key",
    expect: { side: "server", code: "E_POP", closeCode: 3000 },
  },
  {
    id: "other-token",
    title: "Another user's token",
    what: "Presents another user's key-bound token, proved with the thief's own key.",
    on: "client",
    credentials: "bound-other-key",
    expect: { side: "server", code: "E_POP", closeCode: 3000 },
  },
];
