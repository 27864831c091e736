// What the kernel refuses to an ordinary user is told as its errno, and never taken for nothing.
import assert from 'node:assert/strict';
import { openSync } from 'node:fs';
import { test } from 'node:test';
import { effectiveCapabilities } from '../../src/kernel/capability.js';
import { compareFdTables } from '../../src/kernel/kcmp.js';
import { isKernelError } from '../../src/kernel/kernel-error.js';
import { inNetns, nsfsDevice, ownNetnsInode } from '../../src/kernel/netns.js';
import { pidfdGetfd, pidfdOpen, pidfdStands } from '../../src/kernel/pidfd.js';
import { walkFdTable } from '../../src/kernel/proc-fd.js';
import {
  TUN_MAJOR,
  TUN_MINOR,
  tunDeviceNetns,
  tunInterface,
  tunOpenedNetns,
} from '../../src/kernel/tun.js';
import { missing } from '../stage/ability.js';
import { run } from '../stage/command.js';
import { netnsInode } from '../stage/netns.js';
import { setStage } from '../stage/stage.js';
import { openTun } from '../stage/tun.js';

const skip = missing('initial-root', 'tun', 'netns', 'command:setpriv');
const NOBODY = 65534;
/** A third user, as the real user id of this process remains root's, which pidfd_getfd(2) looks at. */
const HOLDER = { uid: 65533, gid: 65533 };
const ALL = [
  'CAP_BPF',
  'CAP_DAC_READ_SEARCH',
  'CAP_NET_ADMIN',
  'CAP_PERFMON',
  'CAP_SYS_ADMIN',
  'CAP_SYS_PTRACE',
];
const targets = {
  major: TUN_MAJOR,
  minor: TUN_MINOR,
  majors: [],
  nsfs: nsfsDevice(),
  hidingPlaces: null,
};
// Keeps the way back to the own namespace open, before any test looks for leaks.
ownNetnsInode();

/** Runs as a user without privileges. Synchronous, so that nothing else does. */
function asNobody<T>(action: () => T): T {
  process.seteuid!(NOBODY);
  try {
    return action();
  } finally {
    process.seteuid!(0);
  }
}

/** What a function of a module answers as root without one capability. */
function runWithout(
  capability: string,
  module: string,
  name: string,
  args: readonly unknown[],
): unknown {
  const program = `import { ${name} } from '${new URL(module, import.meta.url).href}';
    const answer = ${name}(...${JSON.stringify(args)});
    console.log(JSON.stringify(answer instanceof Set ? [...answer].sort() : answer));`;
  const node = [process.execPath, '--import', import.meta.resolve('tsx')];
  const less = [`--bounding-set=-${capability}`, `--inh-caps=-${capability}`];
  return JSON.parse(run('setpriv', ...less, ...node, '--input-type=module', '--eval', program));
}

function refused(code: string, action: () => unknown): void {
  assert.throws(
    () => asNobody(action),
    (error) => isKernelError(error, code),
  );
}

test('root has the capabilities of interest in effect, and an ordinary user none', { skip }, () => {
  assert.deepEqual([...effectiveCapabilities()].sort(), ALL);
  assert.deepEqual([...asNobody(effectiveCapabilities)], []);
  assert.deepEqual([...effectiveCapabilities()].sort(), ALL);
});

test('a capability that is dropped is the one that is missing', { skip }, (t) => {
  setStage(t);
  for (const dropped of ALL) {
    const name = dropped.slice('CAP_'.length).toLowerCase();
    const left = runWithout(name, '../../src/kernel/capability.ts', 'effectiveCapabilities', []);
    assert.deepEqual(
      left,
      ALL.filter((capability) => capability !== dropped),
    );
  }
});

test('another user may not look into a process, but sees that it is there', { skip }, async (t) => {
  const stage = setStage(t);
  const holder = await stage.holder([stage.own(openSync('/dev/null', 'r'))], HOLDER);
  const { fd: pidfd } = stage.own(pidfdOpen(holder.pid));
  refused('EACCES', () => walkFdTable(`/proc/${holder.pid}/fd`, targets));
  refused('EPERM', () => pidfdGetfd(pidfd, 3));
  refused('EPERM', () => compareFdTables(holder.pid, process.pid));
  assert.equal(
    asNobody(() => pidfdStands(pidfd)),
    true,
  );
  await holder.kill();
  assert.equal(
    asNobody(() => pidfdStands(pidfd)),
    false,
  );
});

test('another user may ask a tun file for its name, but not for its namespaces', { skip }, (t) => {
  const stage = setStage(t);
  const name = stage.deviceName();
  const { fd } = stage.queue(name);
  assert.equal(asNobody(() => tunInterface(fd)).name, name);
  refused('EPERM', () => tunDeviceNetns(fd));
  refused('EPERM', () => tunOpenedNetns(fd));
});

test(
  'a namespace that may not be entered is not, and the thread stays where it is',
  { skip },
  (t) => {
    const stage = setStage(t);
    const { fd } = stage.own(openSync(stage.netns().path, 'r'));
    refused('EPERM', () => inNetns(fd, () => assert.fail('inside')));
    assert.equal(netnsInode('/proc/thread-self/ns/net'), stage.home.inode);
  },
);

test(
  'a table that may be listed but whose descriptors may not be looked at is told as refused',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const { pid } = await stage.holder([stage.own(openTun())], HOLDER);
    const directory = `/proc/${pid}/fd`;
    const { refused: asRoot, devices } = walkFdTable(directory, targets);
    assert.equal(asRoot, null);
    assert.equal(devices.length, 1);
    // CAP_DAC_READ_SEARCH lists the table, but to look at what is in it takes CAP_SYS_PTRACE.
    const found = runWithout('sys_ptrace', '../../src/kernel/proc-fd.ts', 'walkFdTable', [
      directory,
      targets,
    ]);
    assert.deepEqual(found, { refused: 'EACCES', devices: [], namespaces: [], hidingPlaces: [] });
  },
);
