/** Pending changes as one watcher sees them: through its filter and its view. */
import type { TapBinding } from '../gen/tapmap/v1/tap_binding.js';
import type { Change } from '../gen/tapmap/v1/tap_binding_service.js';
import { ChangeType } from '../gen/tapmap/v1/tap_binding_service.js';
import type { StoredBinding } from '../store/record.js';
import { bindingMessage } from './binding-message.js';
import { changedFields } from './changed-fields.js';
import { bindingSize } from './message-size.js';
import type { PendingChange, Selection } from './pending-changes.js';

/** A message that is part of another, and about how many bytes it takes. */
export interface Sized<Item> {
  readonly item: Item;
  readonly size: number;
}

/** Type, count and tags of a change, and a name that it was moved from. */
const CHANGE = 80;
/** A path of a field mask. */
const PATH = 48;

/** Makes the messages of `pending` as they are asked for. What the watcher cannot see is left out. */
export function* changeMessages(
  pending: readonly PendingChange[],
  selection: Selection,
  node: string,
): Generator<Sized<Change>> {
  const removed = removedNames(pending, selection);
  for (const { before, after, count, movedFrom } of pending) {
    const from = select(before, selection);
    const to = select(after, selection);
    if (to !== null) {
      const binding = bindingMessage(to, node, selection.view);
      if (from === null) {
        const change = changeMessage(ChangeType.CHANGE_TYPE_ADDED, binding, count);
        if (movedFrom !== null && removed.has(movedFrom)) change.movedFrom = movedFrom;
        yield sized(change, binding);
        continue;
      }
      const paths = changedFields(bindingMessage(from, node, selection.view), binding);
      if (paths.length === 0) continue;
      const change = changeMessage(ChangeType.CHANGE_TYPE_MODIFIED, binding, count);
      change.changedFields = paths;
      yield sized(change, binding);
    } else if (from !== null) {
      const binding = bindingMessage(from, node, selection.view);
      yield sized(changeMessage(ChangeType.CHANGE_TYPE_REMOVED, binding, count), binding);
    }
  }
}

/** A binding of a snapshot. */
export function addedMessage(
  record: StoredBinding,
  selection: Selection,
  node: string,
): Sized<Change> {
  const binding = bindingMessage(record, node, selection.view);
  return sized(changeMessage(ChangeType.CHANGE_TYPE_ADDED, binding, 1), binding);
}

function removedNames(
  pending: readonly PendingChange[],
  selection: Selection,
): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { name, before, after } of pending) {
    if (select(before, selection) !== null && select(after, selection) === null) names.add(name);
  }
  return names;
}

function select(record: StoredBinding | null, { matches }: Selection): StoredBinding | null {
  return record !== null && matches(record) ? record : null;
}

function changeMessage(type: ChangeType, binding: TapBinding, coalesced: number): Change {
  return { type, binding, changedFields: undefined, coalesced, movedFrom: '' };
}

function sized(change: Change, binding: TapBinding): Sized<Change> {
  const paths = (change.changedFields?.length ?? 0) * PATH;
  return { item: change, size: CHANGE + paths + bindingSize(binding) };
}
