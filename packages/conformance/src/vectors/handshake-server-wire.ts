// The clock of SH, and its frames (specs/session.md, section 4).
import { set } from "../kit/handshake.ts";
import { binary, full } from "../kit/jose.ts";
import { CLOCK, type Group } from "./file.ts";
import { HandshakeGroup, type Refusal, type Verdict } from "./handshake-scene.ts";

const NEGOTIATE: Verdict = ["E_NEGOTIATE", "claims"];

/** The clock offset, and what a client makes of SH at levels sig and nest. */
function clock(): Group[] {
  const future: Verdict = ["E_FUTURE", "claims"];
  const groups = (["aead", "sig"] as const).map((level) => {
    const g = new HandshakeGroup(`handshake/sh-clock-${level}`, "conventions.md#6-clocks", {
      role: "client",
      level,
      proof: "Ed25519",
    });
    const bound = level === "sig" ? 300 : 86400;
    const at = (offset: number): Refusal => {
      const now = CLOCK + offset;
      return { setup: { now, ready: { ...g.scene.setup.ready, exp: now + 3600 } }, code: 4406 };
    };
    g.open("open", "both clocks agree", ["time:offset", "time:server-time"]);
    g.open(
      "ahead",
      `the server's clock is ${bound} s ahead; CA is dated by it`,
      ["time:offset", "time:server-time"],
      {},
      at(bound),
    );
    g.open(
      "behind",
      `the server's clock is ${bound} s behind; CA is dated by it`,
      ["time:offset", "time:server-time"],
      {},
      at(-bound),
    );
    g.refuse(
      "too-far-ahead",
      `the server's clock is ${bound + 1} s ahead`,
      ["time:offset"],
      { sh: {} },
      future,
      at(bound + 1),
    );
    g.refuse(
      "too-far-behind",
      `the server's clock is ${bound + 1} s behind`,
      ["time:offset"],
      { sh: {} },
      future,
      at(-bound - 1),
    );
    if (level === "sig") {
      g.refuse(
        "pop-optional",
        "the server selects sig without pol.pop required",
        ["sh:offered", "sh:pop-for-sig"],
        { sh: { members: set({ pol: { pop: "optional", res: 0, seq: "strict" } }) } },
        NEGOTIATE,
      );
    }
    return g.group;
  });
  return groups;
}

function frames(): Group[] {
  const text = new HandshakeGroup("handshake/sh-text", "envelope.md#3-wires", { role: "client" });
  text.open("open", "text wire", ["hs:states"]);
  const t = (name: string, mutation: string, req: string, edit: (text: string) => string, verdict: Verdict) =>
    text.refuse(name, mutation, [req], { sh: { text: edit } }, verdict);
  t("two-segments", "the signature is missing", "wire:segments", (s) => s.split(".").slice(0, 2).join("."), [
    "E_MALFORMED",
    "encoding",
  ]);
  t("five-segments", "SH is a JWE", "wire:form", () => text.scene.handshake().sr, ["E_HEADER", "header"]);
  t("padded", "the payload is padded", "b64:canonical", (s) => s.replace(/\.(?=[^.]*$)/, "=."), ["E_B64", "encoding"]);
  t("newline", "a line break stands behind SH", "b64:canonical", (s) => `${s}\n`, ["E_B64", "encoding"]);
  const opcode: Verdict = ["E_FRAME", "frame"];
  const script = text.scene.start(text.scene.handshake());
  script.add({ op: "recv", message: full("binary", text.scene.handshake().sh) }, text.scene.ended(opcode));
  text.refuseScript("opcode", "SH comes in a binary message", ["wire:opcode"], script, opcode);

  const bin = new HandshakeGroup("handshake/sh-binary", "envelope.md#3-wires", {
    role: "client",
    wire: "binary",
    suite: "x25519",
    identity: "ES256",
  });
  bin.open("open", "binary wire, x25519, ES256", ["hs:states"]);
  const hello = (): Buffer =>
    Buffer.from((bin.scene.handshake().message("sh") as { readonly binary: string }).binary, "hex");
  const b = (name: string, mutation: string, req: string, bytes: Uint8Array, verdict: Verdict) => {
    const broken = bin.scene
      .start(bin.scene.handshake())
      .add({ op: "recv", message: binary(bytes) }, bin.scene.ended(verdict));
    bin.refuseScript(name, mutation, [req], broken, verdict);
  };
  const cbor: Verdict = ["E_CBOR", "encoding"];
  b("trailing", "a byte stands behind the frame", "wire:frame", Buffer.concat([hello(), Buffer.of(0)]), cbor);
  b("tag", "a CBOR tag stands in front", "wire:frame", Buffer.concat([Buffer.of(0xd8, 0x18), hello()]), cbor);
  b("form-4", "the form is 4", "wire:frame", Buffer.concat([Buffer.of(0x84, 0x04), hello().subarray(2)]), cbor);
  const text4 = full("text", bin.scene.handshake().sh);
  const wrong = bin.scene.start(bin.scene.handshake()).add({ op: "recv", message: text4 }, bin.scene.ended(opcode));
  bin.refuseScript("opcode", "SH comes in a text message", ["wire:opcode"], wrong, opcode);
  return [text.group, bin.group];
}

export const serverHelloWires = (): Group[] => [...clock(), ...frames()];
