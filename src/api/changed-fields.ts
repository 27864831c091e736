/** Which fields of a message differ from before, as the paths of a google.protobuf.FieldMask. */

type Fields = Record<string, unknown>;

/**
 * Paths in the order of the fields. A list is named as a whole, and so is a message that came or
 * went; of a message that is on both sides, only the fields that differ are named.
 */
export function changedFields<T extends object>(before: T, after: T): string[] {
  const paths: string[] = [];
  compareFields(before as Fields, after as Fields, '', paths);
  return paths;
}

function compareFields(before: Fields, after: Fields, prefix: string, paths: string[]): void {
  for (const key of fieldsOf(before, after)) {
    const from = before[key];
    const to = after[key];
    if (from === to) continue;
    if (isOneof(from) || isOneof(to)) compareOneof(from, to, prefix, paths);
    else compareField(from, to, prefix + fieldName(key), paths);
  }
}

function compareField(from: unknown, to: unknown, path: string, paths: string[]): void {
  if (isMessage(from) && isMessage(to)) compareFields(from, to, `${path}.`, paths);
  else if (!equal(from, to)) paths.push(path);
}

/** The members of a oneof are fields of the message that the oneof is in; its own name is none. */
function compareOneof(from: unknown, to: unknown, prefix: string, paths: string[]): void {
  const before = isOneof(from) ? from : null;
  const after = isOneof(to) ? to : null;
  if (before !== null && before.$case === after?.$case) {
    compareField(before.value, after.value, prefix + fieldName(before.$case), paths);
    return;
  }
  for (const member of [before, after]) {
    if (member !== null) paths.push(prefix + fieldName(member.$case));
  }
}

function equal(from: unknown, to: unknown): boolean {
  if (from === to) return true;
  if (from instanceof Date || to instanceof Date) {
    return from instanceof Date && to instanceof Date && from.getTime() === to.getTime();
  }
  if (Array.isArray(from) || Array.isArray(to)) {
    if (!Array.isArray(from) || !Array.isArray(to) || from.length !== to.length) return false;
    return from.every((element, index) => equal(element, to[index]));
  }
  if (!isMessage(from) || !isMessage(to)) return false;
  return fieldsOf(from, to).every((key) => equal(from[key], to[key]));
}

/** An optional field that is unset may be there as undefined, or not at all. */
function fieldsOf(before: Fields, after: Fields): string[] {
  const fields = Object.keys(after);
  for (const key of Object.keys(before)) if (!(key in after)) fields.push(key);
  return fields;
}

function isMessage(value: unknown): value is Fields {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
  );
}

interface Oneof {
  readonly $case: string;
  readonly value: unknown;
}

function isOneof(value: unknown): value is Oneof {
  return isMessage(value) && typeof value['$case'] === 'string';
}

const names = new Map<string, string>();

/** `ownerUid` -> `owner_uid`. */
function fieldName(key: string): string {
  let name = names.get(key);
  if (name === undefined) {
    name = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    names.set(key, name);
  }
  return name;
}
