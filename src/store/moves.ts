/**
 * Finds out which device that came is one that went: a move to another network namespace gives a
 * device a new name, but the open files attached to it stay the same.
 */
import type { Binding } from '../model/binding.js';

/**
 * From the name of each device that was moved to the name that it had before. Only what is proven
 * counts: the same open file of the same process on both, in two different namespaces (within one,
 * a new ifindex is a new device that an old open file was attached to).
 */
export function findMoves(
  gone: readonly Binding[],
  appeared: readonly Binding[],
): ReadonlyMap<string, string> {
  const moves = new Map<string, string>();
  if (gone.length === 0 || appeared.length === 0) return moves;

  const goneByOpenFile = new Map<string, Binding>();
  for (const binding of gone) {
    for (const openFile of provenOpenFiles(binding)) goneByOpenFile.set(openFile, binding);
  }
  const taken = new Set<Binding>();
  for (const binding of appeared) {
    for (const openFile of provenOpenFiles(binding)) {
      const before = goneByOpenFile.get(openFile);
      if (before === undefined || taken.has(before) || !mayBeMoved(before, binding)) continue;
      taken.add(before);
      moves.set(binding.name, before.name);
      break;
    }
  }
  return moves;
}

function mayBeMoved(before: Binding, after: Binding): boolean {
  return before.device.kind === after.device.kind && namespaceOf(before) !== namespaceOf(after);
}

function namespaceOf({ name }: Binding): string {
  return name.slice(0, name.lastIndexOf('/devices/'));
}

function* provenOpenFiles(binding: Binding): Generator<string> {
  for (const { process, fds } of binding.holders) {
    for (const { queue, evidence } of fds) {
      if (evidence !== 'NAME' && queue !== '') yield `${process.pid} ${process.startTime} ${queue}`;
    }
  }
}
