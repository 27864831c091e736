import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { FileReader, type GivenFiles } from '../../src/supervise/given-files.js';
import { until } from '../stage/until.js';

const INTERVAL = 20;

describe('the files of the server', () => {
  let directory = '';
  let reader: FileReader | null = null;
  const given: GivenFiles[] = [];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'tapmap-files-'));
    given.length = 0;
  });

  afterEach(() => {
    reader?.stop();
    rmSync(directory, { recursive: true });
  });

  function path(name: string): string {
    return join(directory, name);
  }

  function read(...names: string[]): void {
    const paths = Object.fromEntries(names.map((name) => [name, path(name)]));
    reader = new FileReader(paths, INTERVAL, (files) => {
      given.push(files);
    });
  }

  const text = (name: string) => given.at(-1)?.[name]?.text;

  it('are given once, all of them, and again when one is another', async () => {
    writeFileSync(path('a'), '1');
    writeFileSync(path('b'), '2');
    read('a', 'b');
    await until('they are given', () => given.length === 1);
    writeFileSync(path('new'), '3');
    renameSync(path('new'), path('b'));
    await until('they are given again', () => given.length === 2);
    assert.deepEqual([text('a'), text('b')], ['1', '3']);
  });

  it('are not given while they are written', async () => {
    writeFileSync(path('a'), '');
    read('a');
    await until('it is given', () => given.length === 1);
    let written = '';
    for (let i = 0; i < 30; i++) {
      written += `${i}\n`;
      writeFileSync(path('a'), written);
      await delay(INTERVAL / 4);
    }
    await until('it is given whole', () => text('a') === written);
  });

  it('are followed where a symbolic link leads, as in a mounted secret', async () => {
    for (const version of ['1', '2']) {
      mkdirSync(path(version));
      writeFileSync(join(path(version), 'key'), version);
    }
    symlinkSync('1', path('now'));
    symlinkSync(join('now', 'key'), path('key'));
    read('key');
    await until('the first', () => text('key') === '1');
    symlinkSync('2', path('next'));
    renameSync(path('next'), path('now'));
    await until('the second', () => text('key') === '2');
  });

  it('are given with the reason when they cannot be read, and when they can be again', async () => {
    mkdirSync(path('directory'));
    execFileSync('mkfifo', [path('fifo')]);
    writeFileSync(path('large'), Buffer.alloc(1024 * 1024 + 1));
    read('none', 'directory', 'fifo', 'large');
    await until('they are given', () => given.length === 1);
    const errno = (name: string) => given[0]?.[name]?.errno;
    assert.deepEqual(
      [errno('none'), errno('directory'), errno('fifo'), errno('large')],
      ['ENOENT', 'EINVAL', 'EINVAL', 'EFBIG'],
    );
    writeFileSync(path('none'), 'x');
    await until('it is there', () => text('none') === 'x');
  });

  it('are not given any more once that is over', async () => {
    writeFileSync(path('a'), '1');
    read('a');
    await until('it is given', () => given.length === 1);
    reader?.stop();
    writeFileSync(path('a'), '2');
    await delay(10 * INTERVAL);
    assert.equal(given.length, 1);
  });
});
