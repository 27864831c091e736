import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import { readDocument } from '../../src/documents/document.js';
import { DocumentError } from '../../src/documents/error.js';

const schema = z.strictObject({
  name: z.string().optional(),
  rules: z.array(z.strictObject({ may: z.enum(['list', 'watch']) })).optional(),
});

function read(text: string): unknown {
  return readDocument(text, schema);
}

function fault(text: string, work: (text: string) => unknown = read): DocumentError {
  try {
    work(text);
  } catch (error) {
    assert.ok(error instanceof DocumentError, String(error));
    return error;
  }
  throw new Error('the document was taken');
}

describe('a document', () => {
  it('is YAML', () => {
    const rules = [{ may: 'list' }, { may: 'watch' }];
    assert.deepEqual(read('# who\nname: x\nrules:\n  - may: list\n  - may: watch\n'), {
      name: 'x',
      rules,
    });
  });

  it('is JSON, too', () => {
    assert.deepEqual(read('{"name": "x", "rules": [{"may": "list"}]}'), {
      name: 'x',
      rules: [{ may: 'list' }],
    });
  });

  it('may be empty, or comments alone', () => {
    assert.deepEqual(read(''), {});
    assert.deepEqual(read('# nothing\n'), {});
  });
});

describe('what is wrong with a document is told', () => {
  it('with the line and the path of a value', () => {
    const { line, path, message } = fault('name: x\nrules:\n  - may: list\n  - may: shout\n');
    assert.deepEqual({ line, path }, { line: 4, path: 'rules[1].may' });
    assert.match(message, /^line 4: rules\[1\]\.may: .*"list"\|"watch"/);
  });

  it('with the line of the key when the value begins on another', () => {
    const { line, path } = fault('# one\nname:\n  - a\n  - b\n');
    assert.deepEqual({ line, path }, { line: 2, path: 'name' });
  });

  it('with the line of a key that is none', () => {
    const { message } = fault('rules:\n  - may: list\n    nmae: x\n');
    assert.equal(message, 'line 3: rules[0].nmae: there is no such key');
  });

  it('with the line where something is missing', () => {
    const { line, path } = fault('name: x\nrules:\n  - {}\n');
    assert.deepEqual({ line, path }, { line: 3, path: 'rules[0].may' });
  });

  it('when it is no YAML', () => {
    const { line, path } = fault('name: x\nrules: [\n');
    assert.ok(line >= 2);
    assert.equal(path, '');
    assert.equal(fault('name: x\nname: y\n').line, 2, 'a key that is there twice');
  });

  it('when it is no map', () => {
    assert.equal(fault('- a\n- b\n').line, 1);
  });

  it('when aliases would blow it up', () => {
    const levels = Array.from({ length: 12 }, (_, i) => {
      const before =
        i === 0
          ? 'x'
          : Array(9)
              .fill(`*a${i - 1}`)
              .join(',');
      return `a${i}: &a${i} [${before}]\n`;
    });
    assert.match(fault(levels.join('')).message, /alias/i);
  });

  it('when a rule beyond the schema says so', () => {
    const { message } = fault('name: x\nrules:\n  - may: list\n', (text) =>
      readDocument(text, schema, (_value, fail) => fail(['rules', 0, 'may'], 'not today')),
    );
    assert.equal(message, 'line 3: rules[0].may: not today');
  });

  it('whatever bytes it is made of', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        try {
          read(text);
        } catch (error) {
          assert.ok(error instanceof DocumentError, String(error));
          assert.ok(error.line >= 1 && !error.message.includes('\n'));
        }
      }),
    );
  });
});
