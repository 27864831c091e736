/** State that is kept as JSON. */
import { z } from 'zod';

/** Throws SyntaxError. */
export function jsonOf(bytes: Buffer): unknown {
  return JSON.parse(bytes.toString('utf8'));
}

/** Longer ones are no names. */
const NAME_MAX = 1024;
/** PATH_MAX of limits.h. */
const PATH_MAX = 4096;

export const nameText = z.string().max(NAME_MAX);
export const pathText = z.string().max(PATH_MAX);

/** Empty for what is no name. */
export function nameOf(value: unknown): string {
  return typeof value === 'string' && value.length <= NAME_MAX ? value : '';
}

/** A label or annotation; empty when it is not there, or is no name. */
export function label(labels: Readonly<Record<string, unknown>>, key: string): string {
  return Object.hasOwn(labels, key) ? nameOf(labels[key]) : '';
}
