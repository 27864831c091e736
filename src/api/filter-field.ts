/** Single fields of a filter, and what is wrong with them. */
import { compileGlob, GlobSyntaxError } from './glob.js';

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
  values.forEach((value, index) => {
    if (value === 0) violate(`${path}[${index}]`, 'is unspecified');
    else if (value < 0 || names[value] === undefined) {
      violate(`${path}[${index}]`, `has no value ${value}`);
    }
  });
  return new Set(values);
}
