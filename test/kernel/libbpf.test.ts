// Loading BPF programs: what does not load says why, and nothing stays open.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { BPF_OBJECT } from '../../src/kernel/bpf-iterators.js';
import { isKernelError } from '../../src/kernel/kernel-error.js';
import { BpfObject, openIteration } from '../../src/kernel/libbpf.js';
import { bpfOfFile } from '../stage/bpf.js';
import { setStage } from '../stage/stage.js';

const { skip } = bpfOfFile();

test('an object that is loaded and closed leaves nothing open', { skip }, (t) => {
  setStage(t);
  const object = BpfObject.load(readFileSync(BPF_OBJECT));
  assert.ok(object.attachIterator('find_files') > 2);
  assert.ok(object.attachIterator('find_tasks') > 2);
  object.close();
});

test('an object that is cut short anywhere does not load, and says so', { skip }, (t) => {
  setStage(t);
  const whole = readFileSync(BPF_OBJECT);
  for (let length = 0; length < whole.length; length += 701) {
    const cut = Buffer.from(whole.subarray(0, length));
    assert.throws(() => BpfObject.load(cut), isKernelError, `${length} bytes`);
  }
});

test('what is no object does not load', { skip }, (t) => {
  setStage(t);
  for (const bytes of [Buffer.alloc(1), Buffer.alloc(4096), readFileSync(process.execPath)]) {
    assert.throws(() => BpfObject.load(bytes), isKernelError);
  }
});

test('a program that is not in the object cannot be attached', { skip }, (t) => {
  setStage(t);
  const object = BpfObject.load(readFileSync(BPF_OBJECT));
  assert.throws(
    () => object.attachIterator('find_nothing'),
    (error) => isKernelError(error, 'ENOENT'),
  );
  object.close();
});

test('variables of another size than the object has are refused', { skip }, (t) => {
  setStage(t);
  const object = BpfObject.load(readFileSync(BPF_OBJECT));
  assert.throws(
    () => {
      object.setVariables(Buffer.alloc(3));
    },
    (error) => isKernelError(error, 'EINVAL'),
  );
  object.close();
});

test('an iteration of what is no link is an error', { skip }, () => {
  assert.throws(() => openIteration(-1), isKernelError);
});
