// Levels sig and nest in an open session: whose signature, for whom, on which connection.
import { labelled } from "../kit/bytes.ts";
import { Handshake } from "../kit/handshake.ts";
import { compact, innerHeader, keyId } from "../kit/messages.ts";
import { Peer } from "../kit/peer.ts";
import type { Group } from "./file.ts";
import type { Verdict } from "./handshake-scene.ts";
import { jwkOf } from "./keys.ts";
import { foreign, SessionGroup } from "./session-scene.ts";

const HEADER: Verdict = ["E_HEADER", "header"];
const CRYPTO: Verdict = ["E_CRYPTO", "crypto"];

/** Levels sig and nest: whose signature, for whom, on which connection. */
export function bindings(): Group[] {
  return (["client", "server"] as const).flatMap((role) =>
    (["sig", "nest"] as const).map((level) => {
      const g = new SessionGroup(`binding-${role}-${level}`, "envelope.md#5-claims", { role, level, proof: "Ed25519" });
      const { peer } = g.talk();
      const stranger = jwkOf("stranger Ed25519");
      g.ok("message", "a message is delivered", ["claims:binding"], g.talk().hears());
      const inner: Verdict = level === "nest" ? ["E_CRYPTO", "inner"] : CRYPTO;
      g.badMessage(
        "signer-other",
        "another key signed",
        [level === "nest" ? "level:nest-inner" : "level:verify"],
        {},
        inner,
        { signer: stranger },
      );
      g.badMessage("iss-other", "iss is another identity", ["claims:iss"], { iss: "https://other.example" }, [
        "E_KEY",
        "claims",
      ]);
      g.badMessage("iss-missing", "iss is missing", ["claims:table"], { iss: undefined }, ["E_CLAIMS", "claims"]);
      const binding: Verdict = ["E_BINDING", "claims"];
      g.badMessage(
        "aud-other",
        "aud is another identity: a message for somebody else",
        ["claims:binding"],
        { aud: "https://other.example" },
        binding,
      );
      g.badMessage(
        "bnd-direction",
        "bnd is the key id of the other direction",
        ["claims:binding"],
        { bnd: keyId(peer.reverse.keys) },
        binding,
      );
      const other = new Peer(
        new Handshake({ ...g.scene.setup, serverRnd: labelled("server rnd, other connection") }),
        role,
      );
      g.badMessage(
        "bnd-connection",
        "bnd is the key id of another connection: a signed message moved into this one",
        ["claims:binding"],
        { bnd: keyId(other.channel.keys) },
        binding,
      );
      g.badMessage(
        "bnd-first",
        "bnd and seq are of another connection: the binding comes first",
        ["level:order", "claims:binding"],
        { bnd: keyId(other.channel.keys), ...(level === "sig" ? { seq: 9 } : {}) },
        binding,
      );
      g.badMessage("iat-missing", "iat is missing", ["claims:table"], { iat: undefined }, ["E_CLAIMS", "claims"]);
      g.badMessage("exp-before-iat", "exp is before iat", ["time:exp-before-iat"], { exp: g.scene.setup.now - 1 }, [
        "E_CLAIMS",
        "claims",
      ]);
      const t = g.talk();
      t.recv(t.peer.message({ iat: g.scene.setup.now + 31, exp: g.scene.setup.now + 60 }), {
        refused: [{ seq: 1, error: "E_FUTURE", step: "time" }],
        emit: [t.peer.answers({ top: "err", code: "E_FUTURE", ref: 1 })],
      });
      t.recv(t.peer.message({ iat: g.scene.setup.now - 1, exp: g.scene.setup.now + 300 }), {
        refused: [{ seq: 2, error: "E_TTL", step: "time" }],
        emit: [t.peer.answers({ top: "err", code: "E_TTL", ref: 2 })],
      });
      g.ok(
        "time",
        "dated ahead by more than the skew; a life of more than 300 seconds",
        ["time:future", "time:ttl", "req:failure"],
        t,
      );
      if (level === "nest") {
        const encrypt = (plaintext: string) => ({ plaintext });
        g.badMessage(
          "no-jws",
          "the plaintext is the claims",
          ["level:nest-encoding"],
          {},
          ["E_MALFORMED", "inner"],
          encrypt(JSON.stringify(peer.claims())),
        );
        g.badMessage(
          "inner-header",
          "the inner header has typ of CA: a signature of another place",
          ["level:nest-inner"],
          {},
          inner,
          { inner: { ...innerHeader(peer.channel), typ: "sealwire-auth+jwt" } },
        );
        g.badMessage("inner-jwk", "the inner header brings a key", ["level:nest-inner"], {}, inner, {
          inner: { ...innerHeader(peer.channel), jwk: {} },
        });
        const jws = compact({ ...peer.channel, level: "sig" }, peer.claims());
        const bad = foreign(g);
        bad("unwrapped", "the inner JWS alone", ["wire:form", "header:not-in-table"], { text: jws }, HEADER);
        g.badMessage(
          "inner-padded",
          "the inner JWS is padded",
          ["level:nest-encoding"],
          {},
          ["E_B64", "inner"],
          encrypt(`${jws}=`),
        );
      }
      return g.group;
    }),
  );
}
