// What a server says in clear before SR, and every combination of level, wire and suite that opens.
import { full, type Message } from "../kit/jose.ts";
import { closeCodeOf, closeOf, meaningOf } from "../kit/peer.ts";
import type { Group } from "./file.ts";
import { HandshakeGroup, LEVELS, type Values, type Verdict } from "./handshake-scene.ts";

const HEADER: Verdict = ["E_HEADER", "header"];

/** The server's word before SR, which anybody could have written. */
function reported(): Group[] {
  return (["text", "binary"] as const).map((wire) => {
    const g = new HandshakeGroup(`handshake/sealwire-err-${wire}`, "session.md#9-until-sr", { role: "client", wire });
    const { scene } = g;
    const hs = scene.handshake();
    g.open("open", "nothing goes wrong", ["hs:states"]);
    const word = (name: string): Values => {
      const error = meaningOf(name);
      return {
        close: closeOf(closeCodeOf(error)),
        error: { error, step: "local", peer: true },
        ended: { clean: false, truncated: false },
        state: "closed",
      };
    };
    const json = (value: object | string): Message =>
      full(wire, typeof value === "string" ? value : JSON.stringify(value));
    const names =
      wire === "binary"
        ? ["unauthorized"]
        : ["unauthorized", "forbidden", "busy", "timeout", "negotiate", "too-big", "internal"];
    for (const name of names) {
      const script = scene
        .start(hs)
        .add({ op: "recv", message: json({ typ: "sealwire-err", code: name }) }, word(name));
      g.refuseScript(name, `the server says ${name}`, ["hs:states", "close:hint"], script, [meaningOf(name), "local"]);
    }
    const later = scene
      .halfway(hs)
      .add({ op: "recv", message: json({ typ: "sealwire-err", code: "unauthorized" }) }, word("unauthorized"));
    g.refuseScript("after-ca", "the server says unauthorized in answer to CA", ["hs:states", "ca:coarse"], later, [
      "E_AUTH_REQUIRED",
      "local",
    ]);
    /** Words that nobody may be believed without a seal, and that nobody knows. */
    const closed = (id: string, name: string, code: number, comment: string) => {
      const script = scene.start(hs).add(
        { op: "recv", message: json({ typ: "sealwire-err", code: name }) },
        {
          close: closeOf(code),
          error: { error: "E_CLOSED", step: "local", peer: true },
          ended: { clean: false, truncated: false },
          state: "closed",
        },
      );
      g.refuseScript(id, comment, ["hs:states", "close:hint"], script, ["E_CLOSED", "local"]);
    };
    closed("unknown", "tea-time", 1011, "the server says a name that is not listed");
    closed("revoked", "revoked", 4403, "the server says revoked, without a seal");
    closed("away", "away", 1001, "the server says away");
    const shape = (name: string, mutation: string, value: object | string) => {
      const script = scene.start(hs).add({ op: "recv", message: json(value) }, scene.ended(HEADER));
      g.refuseScript(name, mutation, ["hs:err-shape"], script, HEADER);
    };
    shape("typ-other", "bare JSON of another typ", { typ: "sealwire-ch", code: "busy" });
    if (wire === "binary") return g.group;
    shape("code-missing", "code is missing", { typ: "sealwire-err" });
    shape("code-number", "code is a number", { typ: "sealwire-err", code: 3000 });
    shape("own-ch", "CH comes back", hs.ch);
    shape("no-object", "it is cut off", '{"typ":"sealwire-err","code":"busy"');
    shape("twice", "code stands twice", '{"typ":"sealwire-err","code":"busy","code":"busy"}');
    return g.group;
  });
}

/** Level, wire and suite, each with each, for both ends. */
function combinations(): Group[] {
  return (["client", "server"] as const).flatMap((role) =>
    LEVELS.flatMap((level) =>
      (["text", "binary"] as const).flatMap((wire) =>
        (["p256", "x25519"] as const).map((suite) => {
          const other = (suite === "p256") === (wire === "text");
          const g = new HandshakeGroup(
            `handshake/${role}-${level}-${wire}-${suite}`,
            "session.md#2-the-handshake-at-a-glance",
            {
              role,
              wire,
              suite,
              level,
              codec: wire === "text" ? "json" : "cbor",
              proof: role === "server" && other ? "ES256" : "Ed25519",
              identity: role === "client" && other ? "ES256" : "Ed25519",
            },
          );
          g.open("open", `level ${level}, ${wire} wire, suite ${suite}, as ${role}`, [
            "kdf:schedule",
            "header:exact",
            "aead:nonce",
          ]);
          return g.group;
        }),
      ),
    ),
  );
}

export const reportsAndCombinations = (): Group[] => [...reported(), ...combinations()];
