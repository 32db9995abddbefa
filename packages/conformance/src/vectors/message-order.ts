// Two faults at once: the step that runs first decides.
import { flip } from "../kit/bytes.ts";
import type { Message } from "../kit/jose.ts";
import { type Claims, type Faults, withSegment } from "../kit/messages.ts";
import { CLOCK, type Step } from "./file.ts";
import { type Scene, SEQ, STATE } from "./message-scene.ts";

const EXPIRED: Claims = { iat: CLOCK - 200, exp: CLOCK - 100 };
const REQ = ["level:order"];

/** What each step finds wrong: the claims, the envelope, or the compact object. */
interface Fault {
  readonly what: string;
  readonly verdict: readonly [string, Step];
  readonly claims?: Claims;
  readonly faults?: Faults;
  readonly text?: (compact: string) => string;
}

function faultsOf(scene: Scene): readonly (Fault & { readonly name: string })[] {
  const last = scene.encrypted ? 4 : 2;
  const outside = scene.encrypted
    ? [
        {
          name: "sequence",
          what: "a number left out",
          claims: { seq: SEQ + 1 },
          verdict: ["E_SEQ", "sequence"],
        } as const,
      ]
    : [];
  const inner =
    scene.level === "nest"
      ? [
          {
            name: "inner",
            what: "signed by another key inside",
            faults: { signer: scene.stranger },
            verdict: ["E_CRYPTO", "inner"],
          } as const,
        ]
      : [];
  const header = scene.wire === "text" ? { header: { alg: "none", typ: "sealwire+jwt" } } : { h: 2 };
  return [
    ...(scene.wire === "text"
      ? [
          {
            name: "encoding",
            what: "base64 padding",
            text: (t: string) => `${t}=`,
            verdict: ["E_B64", "encoding"],
          } as const,
        ]
      : []),
    { name: "header", what: "another header", faults: header, verdict: ["E_HEADER", "header"] },
    ...outside,
    {
      name: "crypto",
      what: "a bit of the proof flipped",
      text: (t) => withSegment(t, last, (bytes) => flip(bytes)),
      verdict: ["E_CRYPTO", "crypto"],
    },
    ...inner,
    {
      name: "claims",
      what: "a ref to what was not sent",
      claims: { ref: STATE.sent + 1 },
      verdict: ["E_CLAIMS", "claims"],
    },
    { name: "time", what: "an expired life", claims: EXPIRED, verdict: ["E_EXPIRED", "time"] },
  ];
}

function faulty(scene: Scene, faults: readonly Fault[]): Message {
  const claims = Object.assign({}, ...faults.map((f) => f.claims));
  const envelope: Faults = Object.assign({}, ...faults.map((f) => f.faults));
  // The last one first: a flipped bit of decoded bytes, then what breaks the text.
  const edits = faults.flatMap((f) => f.text ?? []).reverse();
  const text = edits.reduce((compact, edit) => edit(compact), scene.text(claims, envelope));
  return scene.send(text, { seq: (claims.seq as number | undefined) ?? SEQ, h: envelope.h ?? 0 });
}

/** Every pair of steps that can fail together in one message. */
export function orderRefusals(scene: Scene): void {
  const faults = faultsOf(scene);
  for (const [i, first] of faults.entries()) {
    for (const second of faults.slice(i + 1)) {
      const mutation = `${first.what}, and ${second.what}`;
      scene.refuse(`${first.name}-before-${second.name}`, mutation, REQ, faulty(scene, [first, second]), first.verdict);
    }
  }
  const replayed = scene.encrypted ? "sequence" : "claims";
  const expired = scene.message(EXPIRED);
  scene.refuse("replay-before-time", "expired, and committed before", REQ, expired, ["E_REPLAY", replayed], {
    last: SEQ,
  });
  if (!scene.signed) return;
  const within = (name: string, mutation: string, over: Claims, code: string): void =>
    scene.refuse(name, mutation, REQ, scene.message(over), [code, "claims"]);
  within(
    "syntax-before-iss",
    "top with a space, and another iss",
    { top: "chat say", iss: "other.example" },
    "E_CLAIMS",
  );
  within("iss-before-aud", "another iss, and another aud", { iss: "other.example", aud: "other.example" }, "E_KEY");
  within(
    "aud-before-ref",
    "another aud, and a ref to what was not sent",
    { aud: "other.example", ref: STATE.sent + 1 },
    "E_BINDING",
  );
  if (!scene.encrypted) {
    within("bnd-before-seq", "another bnd, and a number left out", { bnd: "A".repeat(22), seq: SEQ + 1 }, "E_BINDING");
    within(
      "seq-before-ref",
      "a number left out, and a ref to what was not sent",
      { seq: SEQ + 1, ref: STATE.sent + 1 },
      "E_SEQ",
    );
  }
}
