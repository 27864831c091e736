/** Takes the events of a watch one by one. */
import assert from 'node:assert/strict';
import type { BindingChange, TapBindingWatch, WatchEvent } from '../../src/client/index.js';

/** The next event, which must be of this kind. Progress that nobody asks for is passed over. */
export async function next<Kind extends WatchEvent['kind']>(
  watch: TapBindingWatch,
  kind: Kind,
): Promise<Extract<WatchEvent, { kind: Kind }>> {
  while (true) {
    const { done, value } = await watch.next();
    assert.ok(done !== true, `the watch ended: no ${kind}`);
    if (value.kind === 'progress' && kind !== 'progress') continue;
    if (value.kind === kind) return value as Extract<WatchEvent, { kind: Kind }>;
    throw new Error(`${value.kind} instead of ${kind}${why(value)}`);
  }
}

function why(event: WatchEvent): string {
  return event.kind === 'disconnected' ? `: ${event.error?.message ?? 'drained'}` : '';
}

/** `added netns/1/devices/1`. */
export function words(changes: readonly BindingChange[]): string[] {
  return changes.map((change) => {
    const from = change.kind === 'moved' ? `${change.before.name} -> ` : '';
    const { name } = change.kind === 'removed' ? change.before : change.after;
    return `${change.kind} ${from}${name}`;
  });
}
