// Makes a failing list of operations short, for as long as it still fails.
import type { Operation } from './operation.js';

/**
 * `fails` runs a list. Gives the shortest list found that fails, until `deadline` (of
 * performance.now()).
 */
export async function shrink(
  operations: readonly Operation[],
  fails: (operations: readonly Operation[]) => Promise<boolean>,
  deadline: number,
): Promise<readonly Operation[]> {
  let shortest = operations;
  const shorten = async (candidate: readonly Operation[]): Promise<boolean> => {
    if (candidate.length === shortest.length || performance.now() > deadline) return false;
    if (!(await fails(candidate))) return false;
    shortest = candidate;
    return true;
  };
  // Lists run faster without these.
  const last = operations.at(-1);
  await shorten(operations.filter((operation) => operation === last || !isAsking(operation)));
  // What one process does belongs together.
  for (const { process } of operations.filter((operation) => operation.do === 'start').reverse()) {
    await shorten(withoutProcess(shortest, process));
  }
  await leaveOutParts(() => shortest, shorten);
  return shortest;
}

function isAsking(operation: Operation): boolean {
  return operation.do === 'rest' || operation.do === 'look';
}

function withoutProcess(operations: readonly Operation[], process: number): Operation[] {
  const fds = new Set<number>();
  return operations.filter((operation) => {
    const isIts =
      ('process' in operation && operation.process === process) ||
      ('fd' in operation && fds.has(operation.fd));
    if (isIts && 'fd' in operation) fds.add(operation.fd);
    if (isIts && 'copy' in operation) fds.add(operation.copy);
    return !isIts;
  });
}

/** Delta debugging, as in Zeller and Hildebrandt, 2002: ever smaller parts, the late ones first. */
async function leaveOutParts(
  shortest: () => readonly Operation[],
  shorten: (candidate: readonly Operation[]) => Promise<boolean>,
): Promise<void> {
  for (let size = Math.ceil(shortest().length / 2); ; size = Math.ceil(size / 2)) {
    let isShorter = false;
    for (let end = shortest().length; end > 0; end -= size) {
      const begin = Math.max(0, end - size);
      const candidate = [...shortest().slice(0, begin), ...shortest().slice(end)];
      if (await shorten(candidate)) isShorter = true;
    }
    if (size === 1 && !isShorter) return;
  }
}
