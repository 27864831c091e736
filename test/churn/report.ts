// Runs a list of operations on a tapmap of its own, makes a failure short, and says in words what to do
// with it.
import { Tapmap } from '../scenarios/tapmap.js';
import { churn, type Outcome } from './churn.js';
import { written, type Operation } from './operation.js';
import { shrink } from './shrink.js';

/** Each list meets a tapmap that has seen nothing before: what one has seen may be why it fails. */
export async function run(
  operations: readonly Operation[],
  milliseconds = Infinity,
): Promise<Outcome> {
  const tapmap = await Tapmap.start();
  try {
    return await churn(tapmap, operations, performance.now() + milliseconds);
  } finally {
    await tapmap.stop();
  }
}

/**
 * Null when nothing failed; else what did, and the shortest list of operations found within
 * `patience` milliseconds that does it, too.
 */
export async function reportOf(
  title: string,
  operations: readonly Operation[],
  { failure }: Outcome,
  patience: number,
): Promise<string | null> {
  if (failure === null) return null;
  const failing = operations.slice(0, failure.at + 1);
  let last = failure;
  let attempts = 0;
  const shortest = await shrink(
    failing,
    async (candidate) => {
      attempts++;
      const again = await run(candidate);
      if (again.failure?.kind !== failure.kind) return false;
      last = again.failure;
      return true;
    },
    performance.now() + patience,
  );
  return [
    `${title}, at operation ${failure.at} (${failure.kind}):`,
    shortest.length === failing.length
      ? `It did not show in ${attempts} shorter lists. All ${failing.length} operations:`
      : `${shortest.length} of ${failing.length} operations are enough:`,
    ...shortest.map((operation) => `  ${written(operation)},`),
    // Last, where it is seen below whatever long list.
    failure.message,
    ...(last === failure ? [] : ['and of the short list', last.message]),
  ].join('\n');
}
