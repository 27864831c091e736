import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileGlob, GlobSyntaxError } from '../../src/api/glob.js';

const matches = (pattern: string, text: string) => compileGlob(pattern)(text);

test('a glob matches the whole text', () => {
  assert.ok(matches('tap0', 'tap0'));
  assert.ok(!matches('tap0', 'tap01'));
  assert.ok(!matches('tap0', 'xtap0'));
});

test('* is any characters, none included, and ? is exactly one', () => {
  assert.ok(matches('tap*', 'tap'));
  assert.ok(matches('*ap*0', 'tap100'));
  assert.ok(matches('v*t*7', 'vnet17'));
  assert.ok(!matches('v*t*7', 'vnet18'));
  assert.ok(matches('tap?', 'tap1'));
  assert.ok(!matches('tap?', 'tap'));
  assert.ok(matches('?', '\u{1f600}'));
});

test('a set is one of its characters, with ! one not of them', () => {
  assert.ok(matches('tap[0-35]', 'tap2'));
  assert.ok(matches('tap[0-35]', 'tap5'));
  assert.ok(!matches('tap[0-35]', 'tap4'));
  assert.ok(matches('tap[!0-3]', 'tap4'));
  assert.ok(!matches('tap[!0-3]', 'tap'));
});

test('in a set, ] is literal when first and - when first or last', () => {
  assert.ok(matches('[]a]', ']'));
  assert.ok(matches('[!]a]', 'b'));
  assert.ok(!matches('[!]a]', ']'));
  assert.ok(matches('[-a]', '-'));
  assert.ok(matches('[a-]', '-'));
  assert.ok(!matches('[a-]', 'b'));
  assert.ok(matches('[a!]', '!'));
});

test('\\ takes the next one literally, in a set too', () => {
  assert.ok(matches('\\*', '*'));
  assert.ok(!matches('\\*', 'a'));
  assert.ok(matches('[\\]]', ']'));
  assert.ok(matches('[\\!a]', '!'));
  assert.ok(matches('\\\\', '\\'));
});

test('what does not parse says why', () => {
  const why = { 'tap[': /without a/, '[]': /without a/, '[a\\': /without a/, 'a\\': /backslash/ };
  for (const [pattern, message] of Object.entries(why)) {
    assert.throws(
      () => compileGlob(pattern),
      (error) => error instanceof GlobSyntaxError && message.test(error.message),
      pattern,
    );
  }
  assert.throws(() => compileGlob('[c-a]'), /runs backwards/);
});

test('many stars take no time that grows with their number', () => {
  assert.ok(!matches('*a'.repeat(2_000) + 'b', 'a'.repeat(2_000)));
});

/** The definition itself, without a thought of cost. */
function naive(tokens: readonly string[], text: readonly string[]): boolean {
  const [token, ...rest] = tokens;
  if (token === undefined) return text.length === 0;
  if (token === '*') {
    return text.some((_, index) => naive(rest, text.slice(index))) || naive(rest, []);
  }
  const [character, ...others] = text;
  if (character === undefined) return false;
  const fits =
    token === '?' ||
    (token.startsWith('[!')
      ? !token.slice(2, -1).includes(character)
      : token.startsWith('[')
        ? token.slice(1, -1).includes(character)
        : token.at(-1) === character);
  return fits && naive(rest, others);
}

test('any glob matches what its definition says', () => {
  const token = fc.constantFrom('*', '*', '?', 'a', 'b', '\\*', '[ab]', '[!a]', '[b*]');
  const text = fc.array(fc.constantFrom('a', 'b', 'c', '*'), { maxLength: 8 });
  fc.assert(
    fc.property(fc.array(token, { maxLength: 6 }), text, (tokens, characters) => {
      assert.equal(matches(tokens.join(''), characters.join('')), naive(tokens, characters));
    }),
    { numRuns: 2_000 },
  );
});

test('any text either compiles or is a GlobSyntaxError', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('[', ']', '!', '-', '\\', '*', 'a', 'z') }),
      (text) => {
        try {
          compileGlob(text)('a-z');
        } catch (error) {
          assert.ok(error instanceof GlobSyntaxError);
        }
      },
    ),
    { numRuns: 2_000 },
  );
});
