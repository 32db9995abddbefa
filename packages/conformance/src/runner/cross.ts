// Sealed by one implementation, opened by another: every pair of drivers.
import { openingOf } from "./cross-open.ts";
import { type DriverRun, faultOf, followUpInput, type OpenDriver, type Outcome } from "./run.ts";
import type { FollowUp, VectorCase, VectorSet } from "./vectors.ts";

export interface CrossCell {
  readonly sealer: string;
  readonly opener: string;
  readonly total: number;
  readonly failures: readonly { readonly vector: string; readonly why: string }[];
}

export interface Participant {
  readonly driver: OpenDriver;
  readonly run: DriverRun;
}

const byId = ({ run }: Participant): ReadonlyMap<string, Outcome> =>
  new Map(run.outcomes.map((outcome) => [outcome.vector.id, outcome]));

/** All pairs, each implementation with itself among them. */
export async function crossTable(participants: readonly Participant[], set: VectorSet): Promise<readonly CrossCell[]> {
  const sealing = set.cases.flatMap((vector): { vector: VectorCase; opening: FollowUp }[] => {
    const opening = openingOf(vector);
    return opening === undefined ? [] : [{ vector, opening }];
  });
  const sides = participants.map((participant) => ({ ...participant, outcomes: byId(participant) }));
  type Side = (typeof sides)[number];
  /** What a driver does not claim, or is expected to fail, says nothing about its pairs. */
  const takesPart = ({ outcomes }: Side, { id }: VectorCase): boolean =>
    ["passed", "failed"].includes(outcomes.get(id)?.verdict ?? "");

  const pair = async (sealer: Side, opener: Side): Promise<CrossCell> => {
    const asked = sealing.filter(({ vector }) => takesPart(sealer, vector) && takesPart(opener, vector));
    const whys = await Promise.all(
      asked.map(async ({ vector, opening }) => {
        const got = sealer.outcomes.get(vector.id)?.got as { readonly message?: unknown } | undefined;
        if (got?.message === undefined) return "nothing was sealed";
        const answer = await opener.driver.process.call(opening.op, () =>
          followUpInput(opening, got.message, set.keys),
        );
        return faultOf(answer, opening, set.keys);
      }),
    );
    const failures = asked.flatMap(({ vector }, i) => {
      const why = whys[i];
      return why === undefined ? [] : [{ vector: vector.id, why }];
    });
    return { sealer: sealer.run.manifest.name, opener: opener.run.manifest.name, total: asked.length, failures };
  };
  return await Promise.all(sides.flatMap((sealer) => sides.map((opener) => pair(sealer, opener))));
}
