// Pure parsers of what other processes can write into: none throws, whatever it is given.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseCgroup } from '../../src/kernel/proc-pid-cgroup.js';
import { parseCommandLine } from '../../src/kernel/proc-pid-cmdline.js';
import {
  parseFdinfoInterface,
  parseFdsInFlight,
  parseRegisteredFiles,
} from '../../src/kernel/proc-pid-fdinfo.js';
import { parseNetnsMounts } from '../../src/kernel/proc-pid-mountinfo.js';
import { parsePidStat } from '../../src/kernel/proc-pid-stat.js';
import { parsePidStatus } from '../../src/kernel/proc-pid-status.js';
import { parseCharacterMajors } from '../../src/kernel/proc-devices.js';

const parsers = [
  { file: '/proc/self/cgroup', parse: parseCgroup },
  { file: '/proc/self/cmdline', parse: parseCommandLine },
  { file: '/proc/self/fdinfo/0', parse: parseFdinfoInterface },
  { file: '/proc/self/fdinfo/1', parse: parseFdsInFlight },
  { file: '/proc/self/fdinfo/2', parse: parseRegisteredFiles },
  { file: '/proc/self/mountinfo', parse: parseNetnsMounts },
  { file: '/proc/self/stat', parse: parsePidStat },
  { file: '/proc/self/status', parse: parsePidStatus },
  { file: '/proc/devices', parse: parseCharacterMajors },
] as const;

for (const { file, parse } of parsers) {
  const whole = readFileSync(file);

  test(`${file} may be cut off anywhere`, () => {
    for (let length = 0; length <= whole.length; length++) parse(whole.subarray(0, length));
    assert.ok(whole.length > 0);
  });

  test(`${file} may have any bytes in it`, () => {
    const damage = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 20 });
    fc.assert(
      fc.property(damage, (changes) => {
        const bytes = Buffer.from(whole);
        for (const [at, byte] of changes) bytes[at] = byte;
        parse(bytes);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        parse(Buffer.from(bytes));
      }),
    );
  });
}

test('the command of a process may be whatever the process likes, and is told as it is', () => {
  const fields = Array.from({ length: 50 }, (_, i) => i + 1);
  const command = fc.string({ unit: 'grapheme', maxLength: 64 });
  fc.assert(
    fc.property(command, (comm) => {
      const line = `1234 (${comm}) S ${fields.join(' ')}\n`;
      const stat = parsePidStat(Buffer.from(line));
      assert.deepEqual(stat, { comm, ppid: 1, threads: 17, startTime: 19 });
    }),
  );
});

test('a mount point of any name is told as it is', () => {
  // As mangle_path of fs/seq_file.c writes it.
  const escaped = (path: string) =>
    path.replace(/[ \t\n\\]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`);
  const name = fc.string({
    unit: fc.constantFrom(' ', '\t', '\n', '\\', '-', '0', '4', 'ü', '\u2028', '\r'),
  });
  fc.assert(
    fc.property(name, (text) => {
      const path = `/run/${text}`;
      const line = `36 35 0:4 net:[4026532000] ${escaped(path)} rw shared:7 - nsfs nsfs rw\n`;
      assert.deepEqual(parseNetnsMounts(Buffer.from(line)), [{ inode: 4026532000, path }]);
    }),
  );
});

test('a mount that is so deep that no path leads to it is passed over', () => {
  const line = (path: string) => `36 35 0:4 net:[4026532000] ${path} rw - nsfs nsfs rw\n`;
  const [longest, tooLong] = [`/${'ü/'.repeat(1364)}xx`, `/${'ü/'.repeat(1364)}xxx`];
  assert.equal(Buffer.byteLength(longest), 4095);
  assert.deepEqual(parseNetnsMounts(Buffer.from(line(longest) + line(tooLong))), [
    { inode: 4026532000, path: longest },
  ]);
});
