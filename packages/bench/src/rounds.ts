/** Something that is measured. `run` does `count` operations, one after the other. */
export interface Contender {
  readonly name: string;
  run(count: number): void | Promise<void>;
}

/** Each pass is awaited before the next one. */
export function oneByOne(name: string, pass: () => Promise<unknown>): Contender {
  return {
    name,
    async run(count) {
      for (let i = 0; i < count; i++) await pass();
    },
  };
}

/** Of all rounds: microseconds an operation. */
export interface Figure {
  readonly median: number;
  /** Quartiles. */
  readonly low: number;
  readonly high: number;
  /** CPU time of the whole process, its other threads included. */
  readonly cpu: number;
  /** One value a round, in the order of the rounds: what is compared stood side by side. */
  readonly rounds: readonly number[];
}

export interface Effort {
  readonly rounds: number;
  /** Milliseconds that one contender gets in one round. */
  readonly slice: number;
}

/** Microseconds; a page has nothing of the kind. */
const cpuOfProcess = (): number => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

/** Of one round: microseconds an operation. */
export interface Sample {
  readonly wall: number;
  readonly cpu: number;
}

/** A contender that is warm, wherever it runs. */
export interface Ready {
  readonly name: string;
  /** One slice of it. */
  round(): Promise<Sample>;
}

export async function ready(contender: Contender, slice: number, cpuTime: () => number = cpuOfProcess): Promise<Ready> {
  const count = await calibrate(contender, slice);
  return {
    name: contender.name,
    async round() {
      const before = cpuTime();
      const start = performance.now();
      await contender.run(count);
      const wall = performance.now() - start;
      return { wall: (wall * 1000) / count, cpu: (cpuTime() - before) / count };
    },
  };
}

/** Measures all of them in this process. */
export async function measure(
  contenders: readonly Contender[],
  { rounds, slice }: Effort,
  cpuTime?: () => number,
): Promise<ReadonlyMap<string, Figure>> {
  const all: Ready[] = [];
  for (const contender of contenders) all.push(await ready(contender, slice, cpuTime));
  return interleave(all, rounds);
}

/**
 * Measures all of them in interleaved rounds: what disturbs the machine for a while disturbs every one of them, and ratios
 * are taken within a round.
 */
export async function interleave(all: readonly Ready[], rounds: number): Promise<ReadonlyMap<string, Figure>> {
  const samples = new Map(all.map(({ name }) => [name, [] as Sample[]]));
  for (let round = 0; round < rounds; round++) {
    // Whoever comes after another one inherits its garbage: each in turn is the first.
    const turn = round % all.length;
    for (const one of [...all.slice(turn), ...all.slice(0, turn)]) samples.get(one.name)?.push(await one.round());
  }
  const of = (list: Sample[], what: keyof Sample) => list.map((sample) => sample[what]);
  return new Map([...samples].map(([name, list]) => [name, figure(of(list, "wall"), of(list, "cpu"))]));
}

/** How many operations fill the slice, once the engine has compiled them. */
async function calibrate(contender: Contender, slice: number): Promise<number> {
  for (let count = 1; ; count *= 2) {
    const start = performance.now();
    await contender.run(count);
    const wall = performance.now() - start;
    if (wall >= slice / 2) return Math.max(1, Math.round((count * slice) / wall));
  }
}

export function figure(values: readonly number[], cpus: readonly number[]): Figure {
  return {
    median: quantile(values, 0.5),
    low: quantile(values, 0.25),
    high: quantile(values, 0.75),
    cpu: quantile(cpus, 0.5),
    rounds: values,
  };
}

/** `part` 0.5 is the median. Between two values it interpolates. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * part;
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? Number.NaN;
  return below + (above - below) * (at - Math.floor(at));
}

/** The median over the rounds of `a` divided by `b`, each pair of one round. */
export function ratio(a: Figure, b: Figure): number {
  return quantile(
    a.rounds.map((value, i) => value / (b.rounds[i] as number)),
    0.5,
  );
}
