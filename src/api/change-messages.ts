/** Pending changes as one watcher sees them: through its filter and its view. */
import type { TapBinding } from '../gen/tapmap/v1/tap_binding.js';
import type { Change } from '../gen/tapmap/v1/tap_binding_service.js';
import { ChangeType } from '../gen/tapmap/v1/tap_binding_service.js';
import type { StoreChange } from '../store/difference.js';
import type { StoredBinding } from '../store/record.js';
import { bindingMessage } from './binding-message.js';
import { changedFields } from './changed-fields.js';
import type { Sized } from './chunks.js';
import { bindingSize } from './message-size.js';
import type { PendingChange, Selection } from './pending-changes.js';

/** One change of a list of changes, or of bindings. */
interface SizedChange extends Sized<Change> {
  /** Where in that list it is. */
  readonly at: number;
}

/** Makes the messages of a list of changes, from one of them on, as they are asked for. */
export type ChangesFrom = (first: number) => Iterable<SizedChange>;

/** A change of one revision stands for itself alone. */
type TellableChange = StoreChange | PendingChange;

/** Type, count and tags of a change, and a name that it was moved from. */
const CHANGE = 80;
/** A path of a field mask. */
const PATH = 48;

/** What the watcher cannot see of `changes` is left out. */
export function changeMessages(
  changes: readonly TellableChange[],
  selection: Selection,
  node: string,
): ChangesFrom {
  const removed = removedNames(changes, selection);
  return function* (first) {
    for (let at = first; at < changes.length; at++) {
      const change = changeMessage(changes[at]!, selection, removed, node);
      if (change !== null) yield sized(change, at);
    }
  };
}

/** The bindings of a snapshot. */
export function addedMessages(
  records: readonly StoredBinding[],
  selection: Selection,
  node: string,
): ChangesFrom {
  return function* (first) {
    for (let at = first; at < records.length; at++) {
      const record = select(records[at]!, selection);
      if (record === null) continue;
      const binding = bindingMessage(record, node, selection.view);
      yield sized(message(ChangeType.CHANGE_TYPE_ADDED, binding, 1), at);
    }
  };
}

function changeMessage(
  change: TellableChange,
  selection: Selection,
  removed: ReadonlySet<string>,
  node: string,
): Change | null {
  const { before, after, movedFrom } = change;
  const count = 'count' in change ? change.count : 1;
  const from = select(before, selection);
  const to = select(after, selection);
  if (to !== null) {
    const binding = bindingMessage(to, node, selection.view);
    if (from === null) {
      const added = message(ChangeType.CHANGE_TYPE_ADDED, binding, count);
      if (movedFrom !== null && removed.has(movedFrom)) added.movedFrom = movedFrom;
      return added;
    }
    const paths = changedFields(bindingMessage(from, node, selection.view), binding);
    if (paths.length === 0) return null;
    const modified = message(ChangeType.CHANGE_TYPE_MODIFIED, binding, count);
    modified.changedFields = paths;
    return modified;
  }
  if (from === null) return null;
  const binding = bindingMessage(from, node, selection.view);
  return message(ChangeType.CHANGE_TYPE_REMOVED, binding, count);
}

function removedNames(
  changes: readonly TellableChange[],
  selection: Selection,
): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { name, before, after } of changes) {
    if (select(before, selection) !== null && select(after, selection) === null) names.add(name);
  }
  return names;
}

function select(record: StoredBinding | null, { matches }: Selection): StoredBinding | null {
  return record !== null && matches(record) ? record : null;
}

function message(type: ChangeType, binding: TapBinding, coalesced: number): Change {
  return { type, binding, changedFields: undefined, coalesced, movedFrom: '' };
}

function sized(change: Change, at: number): SizedChange {
  const paths = (change.changedFields?.length ?? 0) * PATH;
  return { item: change, size: CHANGE + paths + bindingSize(change.binding!), at };
}
