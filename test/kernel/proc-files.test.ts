// The files of /proc that are parsed: as the kernel writes them, and as it never would.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseCharacterMajors } from '../../src/kernel/proc-devices.js';
import { parseCgroup } from '../../src/kernel/proc-pid-cgroup.js';
import { parseCommandLine } from '../../src/kernel/proc-pid-cmdline.js';
import {
  parseFdinfoInterface,
  parseFdsInFlight,
  parseRegisteredFiles,
} from '../../src/kernel/proc-pid-fdinfo.js';
import { parseOpenFilesMax } from '../../src/kernel/proc-pid-limits.js';
import { parseNetnsMounts } from '../../src/kernel/proc-pid-mountinfo.js';
import { parsePidStat } from '../../src/kernel/proc-pid-stat.js';
import { parsePidStatus } from '../../src/kernel/proc-pid-status.js';

const bytes = (text: string): Buffer => Buffer.from(text);

/** Whatever the bytes, the parser returns. */
function neverThrows(parse: (bytes: Buffer) => unknown): void {
  const text = fc.string({ unit: 'binary', maxLength: 200 });
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array)),
    text.map(bytes),
  );
  fc.assert(fc.property(anything, (input) => void parse(input)));
}

describe('/proc/PID/limits', () => {
  it('tells how many files may be open: the soft limit', () => {
    const limits = (soft: string): Buffer =>
      bytes(
        'Limit                     Soft Limit           Hard Limit           Units     \n' +
          'Max processes             96365                96365                processes \n' +
          `Max open files            ${soft.padEnd(20)} 1048576              files     \n`,
      );
    assert.equal(parseOpenFilesMax(limits('1024')), 1024);
    assert.equal(parseOpenFilesMax(limits('unlimited')), Infinity);
    assert.equal(parseOpenFilesMax(bytes('')), Infinity);
    neverThrows(parseOpenFilesMax);
  });
});

describe('/proc/PID/stat', () => {
  const rest =
    'S 41 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 987654 1000 200 18446744073709551615';

  it('tells command, parent, threads and start time', () => {
    assert.deepEqual(parsePidStat(bytes(`42 (cat) ${rest}`)), {
      comm: 'cat',
      ppid: 41,
      threads: 3,
      startTime: 987654,
    });
  });

  it('ends the command at the last parenthesis, whatever the command has in it', () => {
    for (const comm of ['a b', ') S 1 (', '(', ')', 'x)\n(y', '']) {
      assert.equal(parsePidStat(bytes(`42 (${comm}) ${rest}`))?.comm, comm);
      assert.equal(parsePidStat(bytes(`42 (${comm}) ${rest}`))?.startTime, 987654);
    }
  });

  it('is nothing when it is cut off', () => {
    assert.equal(parsePidStat(bytes('')), null);
    assert.equal(parsePidStat(bytes('42 (cat')), null);
    assert.equal(parsePidStat(bytes('42 (cat) S 41 7')), null);
    neverThrows(parsePidStat);
  });

  it('cut off anywhere is nothing or the truth, and never another number', () => {
    const line = `42 (a) b) ${rest}`;
    const truth = parsePidStat(bytes(line));
    const told = Array.from(line, (_, length) => parsePidStat(bytes(line.slice(0, length))));
    for (const stat of told) if (stat !== null) assert.deepEqual(stat, truth);
    assert.equal(told.indexOf(null), 0);
    assert.ok(told.lastIndexOf(null) >= line.indexOf('987654') + '987654'.length);
  });

  it('with an empty field, or one that is no decimal number, is nothing', () => {
    for (const startTime of ['', '-1', '0x10', '1e3', '1.5']) {
      const line = `42 (cat) ${rest.replace('987654', startTime)}`;
      assert.equal(parsePidStat(bytes(line)), null, startTime);
    }
  });

  it('of this process agrees with Node', () => {
    const stat = parsePidStat(readFileSync('/proc/self/stat'));
    assert.equal(stat?.ppid, process.ppid);
    assert.ok(stat.threads > 1);
  });
});

describe('/proc/PID/status', () => {
  it('tells effective ids, ids in nested pid namespaces, and capabilities', () => {
    const status = parsePidStatus(
      bytes(
        'Name:\tcat\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nNSpid:\t100\t7\t1\nCapEff:\t0000000000201004\n',
      ),
    );
    assert.deepEqual(status, {
      uid: 2,
      gid: 6,
      nsPids: [100, 7, 1],
      effectiveCapabilities: 0x201004n,
    });
  });

  it('has no nested pids before 4.1', () => {
    assert.deepEqual(parsePidStatus(bytes('Name:\tcat\nUid:\t0\t0\t0\t0\n')).nsPids, []);
    neverThrows((input) => parsePidStatus(input).nsPids);
  });

  it('of this process agrees with Node', () => {
    const { uid, gid, nsPids } = parsePidStatus(readFileSync('/proc/self/status'));
    assert.deepEqual(
      [uid, gid, nsPids[0]],
      [process.geteuid?.(), process.getegid?.(), process.pid],
    );
  });
});

describe('/proc/PID/cmdline', () => {
  it('is arguments that end with a NUL each, empty ones too', () => {
    assert.deepEqual(parseCommandLine(bytes('qemu\0-name\0\0')), ['qemu', '-name', '']);
  });

  it('is cut after 32 KiB, and says so', () => {
    const long = parseCommandLine(bytes(`a\0${'b'.repeat(100_000)}\0c\0`));
    assert.equal(long.length, 2);
    assert.equal(long[1], `${'b'.repeat(32 * 1024 - 2)}…`);
  });

  it('may lack the last NUL when the process has overwritten it, and be empty', () => {
    assert.deepEqual(parseCommandLine(bytes('nginx: worker process')), ['nginx: worker process']);
    assert.deepEqual(parseCommandLine(bytes('')), []);
    neverThrows(parseCommandLine);
  });
});

describe('/proc/PID/cgroup', () => {
  it('is the path of the unified hierarchy', () => {
    const { path, all } = parseCgroup(bytes('0::/system.slice/a.service\n'));
    assert.equal(path, '/system.slice/a.service');
    assert.deepEqual(all, [{ controllers: '', path }]);
  });

  it('is that of name=systemd on a hybrid host, where the unified one is the root', () => {
    const hybrid = '5:cpu,cpuacct:/\n1:name=systemd:/user.slice/a:b.scope\n0::/\n';
    assert.equal(parseCgroup(bytes(hybrid)).path, '/user.slice/a:b.scope');
    assert.equal(parseCgroup(bytes('1:name=systemd:/a\n0::/b\n')).path, '/b');
  });

  it('is told for each hierarchy, and what is no line of the kernel is none', () => {
    const lines = '5:cpu,cpuacct:/a\n1:name=systemd:/b:c\n0::/\n\nx\n7:pids\n3::/no\n0:cpu:/no\n';
    assert.deepEqual(parseCgroup(bytes(lines)).all, [
      { controllers: 'cpu,cpuacct', path: '/a' },
      { controllers: 'name=systemd', path: '/b:c' },
      { controllers: '', path: '/' },
    ]);
  });

  it('is that of name=systemd on an old host, and empty where there is none', () => {
    assert.equal(parseCgroup(bytes('2:memory:/x\n1:name=systemd:/a\n')).path, '/a');
    assert.equal(parseCgroup(bytes('2:memory:/x\n')).path, '');
    assert.equal(parseCgroup(bytes('0::/\n')).path, '/');
    neverThrows(parseCgroup);
  });
});

describe('/proc/PID/mountinfo', () => {
  it('tells where network namespaces are mounted, and of no other mount', () => {
    const mounts = parseNetnsMounts(
      bytes(`22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/vda rw
90 22 0:4 net:[4026532178] /run/netns/fooz rw shared:7 master:3 - nsfs nsfs rw
91 22 0:4 mnt:[4026532179] /run/snapd/ns/x.mnt rw - nsfs nsfs rw
92 22 0:4 net:[4026532180] /a\\040b\\134c\\011 rw - nsfs nsfs rw
93 22 0:9 / /mnt/net:[1] rw - tmpfs nsfs rw
`),
    );
    assert.deepEqual(mounts, [
      { inode: 4026532178, path: '/run/netns/fooz' },
      { inode: 4026532180, path: '/a b\\c\t' },
    ]);
  });

  it('may be cut off anywhere', () => {
    assert.deepEqual(parseNetnsMounts(bytes('90 22 0:4 net:[1] /x - nsfs ')), []);
    neverThrows(parseNetnsMounts);
  });
});

describe('/proc/PID/fdinfo/FD', () => {
  it('of a tun file names the interface, and nothing when it is attached to none', () => {
    assert.equal(parseFdinfoInterface(bytes('pos:\t0\nflags:\t02\niff:\ttap123\n')), 'tap123');
    assert.equal(parseFdinfoInterface(bytes('pos:\t0\niff:\t\n')), '');
  });

  it('of any other file has no interface', () => {
    assert.equal(parseFdinfoInterface(bytes('pos:\t0\nflags:\t02\nino:\t5\n')), null);
    // io_uring tells paths of files, in which it escapes the newline only.
    assert.equal(parseFdinfoInterface(bytes('UserFiles:\t1\n    0: /tmp/a\riff:tap0\n')), null);
    neverThrows(parseFdinfoInterface);
  });

  it('of a unix socket counts the descriptors that wait to be received', () => {
    assert.equal(parseFdsInFlight(bytes('pos:\t0\nflags:\t02\nino:\t5\nscm_fds: 3\n')), 3);
    assert.equal(parseFdsInFlight(bytes('pos:\t0\nscm_fds: 0\n')), 0);
    assert.equal(parseFdsInFlight(bytes('pos:\t0\nino:\t5\n')), 0);
    neverThrows(parseFdsInFlight);
  });

  it('of an io_uring instance lists the registered files', () => {
    const ring = (...lines: string[]) =>
      bytes(['pos:\t0', 'SqThread:\t-1', ...lines, 'UserBufs:\t0', ''].join('\n'));
    assert.deepEqual(
      parseRegisteredFiles(ring('UserFiles:\t3', '    0: /dev/net/tun', '   12: /a\\040b')),
      ['/dev/net/tun', '/a\\040b'],
    );
    // Before 6.0: an empty place is told, too, and of each file the last part of its path.
    assert.deepEqual(parseRegisteredFiles(ring('UserFiles:\t2', '    0: tun', '    1: <none>')), [
      'tun',
    ]);
    assert.deepEqual(parseRegisteredFiles(ring('UserFiles:\t0')), []);
    assert.deepEqual(parseRegisteredFiles(bytes('pos:\t0\n    0: /dev/net/tun\n')), []);
    neverThrows(parseRegisteredFiles);
  });
});

describe('/proc/devices', () => {
  it('tells the numbers of character devices, and of no block device', () => {
    const majors = parseCharacterMajors(
      bytes('Character devices:\n  1 mem\n 10 misc\n246 macvtap\n\nBlock devices:\n  7 loop\n'),
    );
    assert.deepEqual(
      [...majors],
      [
        ['mem', 1],
        ['misc', 10],
        ['macvtap', 246],
      ],
    );
    neverThrows(parseCharacterMajors);
  });
});
