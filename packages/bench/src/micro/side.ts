// The process of one contender.
import { answer } from "../child.ts";
import { type Contender, type Ready, ready } from "../rounds.ts";
import { makers, type Subject } from "./contenders.ts";

let contender: Contender | undefined;
let measured: Ready | undefined;

/** Milliseconds of CPU, not of time: where the machine is busy, nobody is left half compiled. */
async function warm({ run }: Contender, ms: number): Promise<void> {
  const start = process.cpuUsage();
  const used = () => {
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1000;
  };
  for (let count = 1; used() < ms; count *= 2) await run(count);
}

answer({
  make: async ({ subject, which, ms }: { subject: Subject; which: number; ms: number }) => {
    contender = (await makers(subject)[which]?.()) as Contender;
    await warm(contender, ms);
    return contender.name;
  },
  calibrate: async (slice: number) => {
    measured = await ready(contender as Contender, slice);
  },
  round: () => measured?.round(),
});
