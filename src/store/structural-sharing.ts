/**
 * Compares two JSON-like values in depth and keeps of the earlier one all that is the same: then
 * `===` tells what differs, at any depth, and a long history of states costs only the differences.
 */

type Fields = Record<string, unknown>;

/** `before` itself when both are equal, else a value equal to `after` that shares parts of `before`. */
export function shareStructure<T>(before: T, after: T): T {
  return share(before, after) as T;
}

function share(before: unknown, after: unknown): unknown {
  if (Object.is(before, after)) return before;
  if (!isComposite(before) || !isComposite(after)) return after;
  if (Array.isArray(before)) return Array.isArray(after) ? shareArray(before, after) : after;
  return Array.isArray(after) ? after : shareFields(before, after);
}

function isComposite(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

function shareArray(before: readonly unknown[], after: readonly unknown[]): readonly unknown[] {
  let differs: unknown[] | null = null;
  for (let index = 0; index < after.length; index++) {
    const shared = share(before[index], after[index]);
    if (differs === null && (index >= before.length || !Object.is(shared, before[index]))) {
      differs = before.slice(0, index);
    }
    differs?.push(shared);
  }
  if (differs !== null) return differs;
  return before.length === after.length ? before : before.slice(0, after.length);
}

function shareFields(before: Fields, after: Fields): Fields {
  const keys = Object.keys(after);
  let differs: Fields | null = null;
  for (const key of keys) {
    const shared = share(before[key], after[key]);
    if (differs === null && !(Object.is(shared, before[key]) && Object.hasOwn(before, key))) {
      differs = {};
      for (const same of keys) {
        if (same === key) break;
        differs[same] = before[same];
      }
    }
    if (differs !== null) differs[key] = shared;
  }
  if (differs !== null) return differs;
  return keys.length === Object.keys(before).length ? before : after;
}
