// What is measured, each in its turn of every round, so that a machine that slows down slows all.
export interface Contender {
  readonly name: string;
  /** Does the work once and gives the time it took, in milliseconds, measured where it is done. */
  readonly run: () => Promise<number>;
  /** How often at most, for one that takes long. */
  readonly rounds: number;
  /** Runs before the first that counts. */
  readonly warmups: number;
}

export interface Measured {
  readonly name: string;
  readonly samples: readonly number[];
  readonly median: number;
  readonly best: number;
}

/** The time that `work` takes, in milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? NaN;
  return Number.isInteger(middle) ? ((sorted[middle - 1] ?? NaN) + upper) / 2 : upper;
}

/**
 * Runs all contenders in turn (A B C A B C ...) and gives what each took.
 * @throws the signal's reason, between two runs, once it is aborted
 */
export async function measure(
  contenders: readonly Contender[],
  progress: (line: string) => void,
  signal: AbortSignal,
): Promise<Measured[]> {
  for (const { name, warmups, run } of contenders) {
    for (let i = 0; i < warmups; i++) {
      signal.throwIfAborted();
      progress(`warming up: ${name}`);
      await run();
    }
  }
  const samples = new Map(contenders.map(({ name }) => [name, [] as number[]]));
  const rounds = Math.max(...contenders.map((contender) => contender.rounds));
  for (let round = 0; round < rounds; round++) {
    for (const contender of contenders) {
      if (round >= contender.rounds) continue;
      signal.throwIfAborted();
      progress(`round ${round + 1} of ${rounds}: ${contender.name}`);
      samples.get(contender.name)?.push(await contender.run());
    }
  }
  return [...samples].map(([name, taken]) => ({
    name,
    samples: taken,
    median: median(taken),
    best: Math.min(...taken),
  }));
}
