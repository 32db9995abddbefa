// Two faults at once: the step that runs first decides.
import { flip } from "../kit/bytes.ts";
import type { Claims, Faults } from "../kit/envelopes.ts";
import { withSegment } from "../kit/messages.ts";
import { CLOCK, type Step } from "./file.ts";
import { ISSUER, JTI, OTHER, type Scene } from "./standalone-scene.ts";

interface Fault {
  readonly name: string;
  readonly what: string;
  readonly verdict: readonly [string, Step];
  readonly claims?: Claims;
  readonly faults?: Faults;
  readonly text?: (compact: string) => string;
  readonly input?: object;
}

/** Every pair of steps that can fail together in one envelope. */
export function orderRefusals(scene: Scene): void {
  const proof = scene.encrypted ? 4 : 2;
  const flipped = (t: string): string => withSegment(t, proof, (bytes) => flip(bytes));
  const inner: Fault[] = scene.encrypted
    ? [
        {
          name: "inner",
          what: "signed by another key inside",
          faults: { by: scene.other },
          verdict: ["E_CRYPTO", "inner"],
        },
      ]
    : [];
  const faults: readonly Fault[] = [
    {
      name: "header",
      what: "another header",
      faults: { header: { alg: "none", typ: "JWT" } },
      verdict: ["E_TYP", "header"],
    },
    { name: "crypto", what: "a bit of the proof", text: flipped, verdict: ["E_CRYPTO", "crypto"] },
    ...inner,
    { name: "claims", what: "a top with a space", claims: { top: "order placed" }, verdict: ["E_CLAIMS", "claims"] },
    { name: "iss", what: "another iss", claims: { iss: OTHER }, verdict: ["E_KEY", "claims"] },
    { name: "aud", what: "another aud", claims: { aud: "billing.example" }, verdict: ["E_BINDING", "claims"] },
    { name: "time", what: "expired", claims: { iat: CLOCK - 200, exp: CLOCK - 100 }, verdict: ["E_EXPIRED", "time"] },
    {
      name: "deliver",
      what: "delivered before",
      input: {
        seen: [
          [ISSUER, JTI],
          [OTHER, JTI],
        ],
      },
      verdict: ["E_REPLAY", "deliver"],
    },
  ];
  for (const [i, first] of faults.entries()) {
    for (const second of faults.slice(i + 1)) {
      const both = [first, second];
      const text = scene.text(
        Object.assign({}, ...both.map((f) => f.claims)),
        Object.assign({}, ...both.map((f) => f.faults)),
      );
      const message = scene.send(both.reduce((t, f) => f.text?.(t) ?? t, text));
      const input = Object.assign({}, ...both.map((f) => f.input)) as Record<string, unknown>;
      scene.refuse(
        `${first.name}-before-${second.name}`,
        `${first.what}, and ${second.what}`,
        "standalone:order",
        message,
        first.verdict,
        input,
      );
    }
  }
}
