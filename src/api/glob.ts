/**
 * Globs of TapBindingFilter: `*` any characters, `?` one, `[a-c]` one of a set, `[!a-c]` one not of
 * it, `\` takes the next one literally, in a set too. A `]` first in a set and a `-` first or last
 * are literal. Unlike a regular expression's, the cost of a match is bounded: by the square of the text's length,
 * and for what is not ASCII also by the length of a set.
 */

/** A pattern that does not parse; the message says why. */
export class GlobSyntaxError extends Error {
  override readonly name = 'GlobSyntaxError';
}

type CharacterTest = (character: string) => boolean;
type Token = CharacterTest | '*';

/** Compiles `pattern`; the result tells whether it matches a whole text. Throws GlobSyntaxError. */
export function compileGlob(pattern: string): (text: string) => boolean {
  const tokens = parseGlob(pattern);
  const least = tokens.filter((token) => token !== '*').length;
  return (text) => {
    const characters = Array.from(text);
    return characters.length >= least && matchTokens(tokens, characters);
  };
}

function parseGlob(pattern: string): Token[] {
  const characters = Array.from(pattern);
  const tokens: Token[] = [];
  let index = 0;
  while (index < characters.length) {
    const character = characters[index++]!;
    if (character === '*') {
      if (tokens.at(-1) !== '*') tokens.push('*');
    } else if (character === '?') {
      tokens.push(() => true);
    } else if (character === '[') {
      const set = parseSet(characters, index);
      tokens.push(set.test);
      index = set.end;
    } else {
      const literal = character === '\\' ? characters[index++] : character;
      if (literal === undefined) throw new GlobSyntaxError('ends with a backslash');
      tokens.push((other) => other === literal);
    }
  }
  return tokens;
}

interface Range {
  readonly first: number;
  readonly last: number;
}

/** Parses the set whose `[` stands before `start`. */
function parseSet(
  characters: readonly string[],
  start: number,
): { test: CharacterTest; end: number } {
  let index = start;
  const negated = characters[index] === '!';
  if (negated) index++;
  const ranges: Range[] = [];
  const take = (): number => {
    if (characters[index] === '\\') index++;
    const character = characters[index++];
    if (character === undefined) throw new GlobSyntaxError('has a `[` without a `]`');
    return character.codePointAt(0)!;
  };
  while (ranges.length === 0 || characters[index] !== ']') {
    const first = take();
    if (characters[index] !== '-' || characters[index + 1] === ']') {
      ranges.push({ first, last: first });
      continue;
    }
    index++;
    const last = take();
    if (last < first) throw new GlobSyntaxError('has a range in a set that runs backwards');
    ranges.push({ first, last });
  }
  const isIn = (point: number): boolean =>
    ranges.some(({ first, last }) => first <= point && point <= last) !== negated;
  // A set may be long, and is held against each character of each name.
  const ascii = Array.from({ length: 128 }, (_, point) => isIn(point));
  const test: CharacterTest = (character) => {
    const point = character.codePointAt(0)!;
    return ascii[point] ?? isIn(point);
  };
  return { test, end: index + 1 };
}

/** Only the last star needs to be tried again: an earlier one could do no better. */
function matchTokens(tokens: readonly Token[], characters: readonly string[]): boolean {
  let token = 0;
  let at = 0;
  let star = -1;
  let starAt = 0;
  while (at < characters.length) {
    const current = tokens[token];
    if (current === '*') {
      star = token++;
      starAt = at;
    } else if (current?.(characters[at]!) === true) {
      token++;
      at++;
    } else if (star >= 0) {
      token = star + 1;
      at = ++starAt;
    } else {
      return false;
    }
  }
  while (tokens[token] === '*') token++;
  return token === tokens.length;
}
