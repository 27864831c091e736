/** Single fields of a filter, and what is wrong with them. */
import { compileGlob, GlobSyntaxError } from './glob.js';

/** Filters of a request, and elements of a repeated field of one, at most: each is held against each binding. */
export const ELEMENTS_MAX = 100;

/** Largest process id of Linux: pid_t is an int. */
const PID_MAX = 0x7fff_ffff;

/** Takes a violation of the field at `path` inside the filter. */
export type Violate = (path: string, description: string) => void;

/** A matcher for the glob, and for what is that very text; of one that does not parse, a matcher that is never used. */
export function parseGlob(path: string, glob: string, violate: Violate): (text: string) => boolean {
  try {
    const matches = compileGlob(glob);
    return (text) => text === glob || matches(text);
  } catch (error) {
    if (!(error instanceof GlobSyntaxError)) throw error;
    violate(path, `is a glob that ${error.message}`);
    return () => false;
  }
}

/** The set of `values`, each of which must be a named one and not the unspecified. */
export function parseEnum(
  path: string,
  values: readonly number[],
  names: Readonly<Record<number, string>>,
  violate: Violate,
): ReadonlySet<number> {
  if (values.length > ELEMENTS_MAX) {
    violate(path, moreThanTaken(values.length));
    return new Set();
  }
  values.forEach((value, index) => {
    if (value === 0) violate(`${path}[${index}]`, 'is unspecified');
    else if (value < 0 || names[value] === undefined) {
      violate(`${path}[${index}]`, `has no value ${value}`);
    }
  });
  return new Set(values);
}

/** What is wrong with a repeated field of so many elements. */
export function moreThanTaken(elements: number): string {
  return `has ${elements} elements, more than ${ELEMENTS_MAX}`;
}

export function checkPid(path: string, pid: number, violate: Violate): void {
  if (pid > PID_MAX) violate(path, `is larger than any process id (${PID_MAX})`);
}
