import { compiled } from './compiled.js';
import { Program } from './program.js';

/** How many of what. */
export interface CrowdSize {
  readonly processes: number;
  /** Open files of each process. */
  readonly fds: number;
  readonly taps: number;
  /** How many of the processes hold the taps. */
  readonly holders: number;
}

/** A running crowd, in a network namespace of its own. */
export interface Crowd {
  /** Its first process, which lives in its namespace. */
  readonly pid: number;
  readonly end: () => Promise<void>;
}

/** Starts a crowd and resolves when all of it is there. */
export async function startCrowd({ processes, fds, taps, holders }: CrowdSize): Promise<Crowd> {
  const program = new Program(compiled('crowd'), processes, fds, taps, holders);
  const ready = /^ready (\d+)$/.exec(await program.answer());
  if (ready === null) throw new Error('the crowd did not say that it is ready');
  return { pid: Number(ready[1]), end: () => program.end() };
}
