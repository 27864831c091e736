/**
 * Finds out which device that came is one that went: a move to another network namespace gives a
 * device a new name, but the open files attached to it stay the same.
 */
import type { Binding } from '../model/binding.js';
import type { Netns } from '../model/device.js';
import { isMoved } from './same-device.js';

/**
 * From the name of each device that was moved to the name that it had before. Only what is proven
 * counts: the same open file of the same process on both, in two different namespaces (within one,
 * a new ifindex is a new device that an old open file was attached to), and what a move leaves as it
 * is.
 */
export function findMoves(
  gone: readonly Binding[],
  appeared: readonly Binding[],
): ReadonlyMap<string, string> {
  const moves = new Map<string, string>();
  if (gone.length === 0 || appeared.length === 0) return moves;

  const goneByOpenFile = new Map<string, Binding>();
  for (const binding of gone) {
    for (const { id } of provenOpenFiles(binding)) goneByOpenFile.set(id, binding);
  }
  const taken = new Set<Binding>();
  for (const binding of appeared) {
    for (const { id, openedIn } of provenOpenFiles(binding)) {
      const before = goneByOpenFile.get(id);
      if (before === undefined || taken.has(before)) continue;
      if (!isMoved(before.device, binding.device, openedIn)) continue;
      taken.add(before);
      moves.set(binding.name, before.name);
      break;
    }
  }
  return moves;
}

interface OpenFile {
  readonly id: string;
  readonly openedIn: Netns | null;
}

function* provenOpenFiles(binding: Binding): Generator<OpenFile> {
  for (const { process, fds } of binding.holders) {
    for (const { queue, evidence, openedIn } of fds) {
      if (evidence === 'NAME' || queue === '') continue;
      yield { id: `${process.pid} ${process.startTime} ${queue}`, openedIn };
    }
  }
}
