// What the kernel's structures prove of files that may not be copied, or that do not tell themselves.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bpfFinder } from '../../src/inspect/bpf-finder.js';
import { procFinder, type Finder } from '../../src/inspect/find.js';
import { linux, type Linux } from '../../src/inspect/linux.js';
import { KernelError } from '../../src/kernel/kernel-error.js';
import type { Binding } from '../../src/model/binding.js';
import { bpfOfFile } from '../stage/bpf.js';
import { addMacvtap, missingMacvtap, openMacvtap } from '../stage/macvtap.js';
import { setStage } from '../stage/stage.js';
import { IFF_MULTI_QUEUE, IFF_NO_PI, IFF_TAP, IFF_TUN } from '../stage/tun.js';
import { bindingOf, called, holderPids, inspectorOn, scanned } from './inspecting.js';

const { skip, iterators } = bpfOfFile();

/** A kernel that lets nobody copy a descriptor of these processes, nor read their fdinfo. */
function refusing(...pids: number[]): Linux {
  const refused = new Set<number>();
  return {
    ...linux,
    pidfdOpen: (pid) => {
      const pidfd = linux.pidfdOpen(pid);
      if (pids.includes(pid)) refused.add(pidfd);
      return pidfd;
    },
    close: (fd) => {
      refused.delete(fd);
      linux.close(fd);
    },
    pidfdGetfd: (pidfd, fd) => {
      if (refused.has(pidfd)) throw new KernelError('pidfd_getfd', 'EPERM');
      return linux.pidfdGetfd(pidfd, fd);
    },
    readFdinfoInterface: (directory, fd) => {
      if (pids.some((pid) => directory === `/proc/${pid}`)) throw new KernelError('open', 'EACCES');
      return linux.readFdinfoInterface(directory, fd);
    },
  };
}

/** Each holder's pid, and its descriptors with their evidence. */
function holding({ holders }: Binding) {
  return holders.map(({ process, fds }) => [process.pid, fds.map((fd) => [fd.fd, fd.evidence])]);
}

/** Others on this machine may have places that could keep a queue: then it is HIDDEN, and they are told. */
function assertNotKnown({ verdict, reasons, holders, hints }: Binding): void {
  assert.deepEqual(holders, []);
  if (verdict === 'HIDDEN' && hints.length > 0) return;
  assert.equal(verdict, 'UNKNOWN');
  assert.deepEqual(
    reasons.map(({ code }) => code),
    ['PROCESS_DENIED'],
  );
}

test(
  'a device whose holder may not be copied from is HELD, by evidence BPF',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const [device, netns] = [stage.deviceName(), stage.netns()];
    const { pid } = await stage.holder([stage.queue(device)]);
    stage.home.move(device, netns);
    stage.home.ip('tuntap', 'add', device, 'mode', 'tap');
    const inspector = inspectorOn(refusing(pid), bpfFinder(iterators()));
    const scan = await scanned(inspector);
    const held = bindingOf(scan, device, netns);
    assert.equal(held.verdict, 'HELD');
    assert.deepEqual(holding(held), [[pid, [[3, 'BPF']]]]);
    const [holder] = held.holders;
    assert.equal(holder?.fds[0]?.openedIn?.inode, stage.home.inode);
    assert.equal(holder.process.netns?.inode, stage.home.inode);
    const other = bindingOf(scan, device, stage.home);
    assert.deepEqual([other.verdict, holding(other)], ['UNHELD', []]);
    assert.ok(!scan.coverage.deniedProcesses.some((denied) => denied.pid === pid));
  },
);

test('by the /proc finder it is UNKNOWN, and the process is denied', { skip }, async (t) => {
  const stage = setStage(t);
  const device = stage.deviceName();
  const { pid } = await stage.holder([stage.queue(device)]);
  const scan = await scanned(inspectorOn(refusing(pid), procFinder(null)));
  assertNotKnown(bindingOf(scan, device, stage.home));
  assert.deepEqual(
    scan.coverage.deniedProcesses.filter((denied) => denied.pid === pid),
    [{ pid, errno: 'EACCES' }],
  );
});

test(
  'an open file of processes that may and may not be copied from is one queue',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const device = stage.deviceName();
    const agent = await stage.agent([stage.queue(device)]);
    const children = [await agent.spawn([3]), await agent.spawn([3])];
    const copy = await agent.dup(3);
    for (const refused of [[agent.pid], children, [agent.pid, ...children]]) {
      const scan = await scanned(inspectorOn(refusing(...refused), bpfFinder(iterators())));
      const binding = bindingOf(scan, device, stage.home);
      assert.equal(binding.verdict, 'HELD');
      assert.deepEqual(binding.queues, { attached: 1, disabled: 0, found: 1 });
      assert.deepEqual(new Set(holderPids(binding)), new Set([agent.pid, ...children]));
      const fds = binding.holders.find(({ process }) => process.pid === agent.pid)!.fds;
      assert.deepEqual(
        fds.map(({ fd }) => fd),
        [3, copy],
      );
    }
  },
);

test(
  'separate queues are separate, and detached ones are told as detached',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const device = stage.deviceName();
    const flags = IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE;
    const agent = await stage.agent([stage.queue(device, flags), stage.queue(device, flags)]);
    await agent.setQueue(4, 'detach');
    const inspector = inspectorOn(refusing(agent.pid), bpfFinder(iterators()));
    const { verdict, queues, holders } = bindingOf(await scanned(inspector), device, stage.home);
    assert.equal(verdict, 'HELD');
    assert.deepEqual(queues, { attached: 1, disabled: 1, found: 2 });
    assert.deepEqual(
      holders[0]?.fds.map(({ fd, detached }) => [fd, detached]),
      [
        [3, false],
        [4, true],
      ],
    );
    await agent.setQueue(3, 'detach');
    assert.equal(bindingOf(await scanned(inspector), device, stage.home).verdict, 'KEPT');
  },
);

test('a file that is attached to nothing is counted as such', { skip }, async (t) => {
  const stage = setStage(t);
  const device = stage.deviceName();
  const agent = await stage.agent([stage.queue(device)]);
  const inspector = inspectorOn(refusing(agent.pid), bpfFinder(iterators()));
  stage.home.ip('link', 'del', device);
  const scan = await scanned(inspector);
  assert.deepEqual(called(scan, device), []);
  assert.ok(scan.coverage.unattachedFds > 0);
  assert.ok(!scan.coverage.deniedProcesses.some(({ pid }) => pid === agent.pid));
});

test('without the right to ask for the namespace, the structures tell it', { skip }, async (t) => {
  const stage = setStage(t);
  const [device, netns] = [stage.deviceName(), stage.netns()];
  const { pid } = await stage.holder([stage.queue(device)]);
  stage.home.move(device, netns);
  const refuse = (): number => {
    throw new KernelError('TUNGETDEVNETNS', 'EPERM');
  };
  const kernel: Linux = { ...linux, tunDeviceNetns: refuse };
  const scan = await scanned(inspectorOn(kernel, bpfFinder(iterators())));
  const binding = bindingOf(scan, device, netns);
  assert.equal(binding.verdict, 'HELD');
  assert.deepEqual(holding(binding), [[pid, [[3, 'BPF']]]]);
});

test(
  'macvtaps that nothing else tells apart are told apart',
  { skip: skip || missingMacvtap() },
  async (t) => {
    const stage = setStage(t);
    const device = stage.deviceName();
    const address = '02:00:00:00:00:42';
    const places = [stage.netns(), stage.netns()];
    const holders: number[] = [];
    for (const netns of places) {
      // A device on top of each: one cannot have two of one address.
      const below = stage.unheldDevice();
      addMacvtap(stage, below, device, { address });
      const { pid } = await stage.holder([await openMacvtap(stage, stage.home, device)]);
      stage.home.move(device, netns);
      holders.push(pid);
    }
    // As if sysfs told of no node: name and address are the same.
    const kernel: Linux = {
      ...linux,
      readTapNodes: () => {
        throw new KernelError('open', 'ENOENT');
      },
    };
    const byProc = await scanned(inspectorOn(kernel, procFinder(null)));
    const byBpf = await scanned(inspectorOn(kernel, bpfFinder(iterators())));
    for (const [i, netns] of places.entries()) {
      assert.equal(bindingOf(byProc, device, netns).verdict, 'UNKNOWN');
      const binding = bindingOf(byBpf, device, netns);
      assert.equal(binding.verdict, 'HELD');
      assert.deepEqual(holding(binding), [[holders[i], [[3, 'BPF']]]]);
    }
  },
);

test('what can be copied is asked itself: evidence IOCTL', { skip }, async (t) => {
  const stage = setStage(t);
  const device = stage.deviceName();
  const { pid } = await stage.holder([stage.queue(device)]);
  const scan = await scanned(inspectorOn(linux, bpfFinder(iterators())));
  assert.deepEqual(holding(bindingOf(scan, device, stage.home)), [[pid, [[3, 'IOCTL']]]]);
});

test(
  'what another process of the same pid was seen to hold is not told of this one',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const device = stage.deviceName();
    const { pid } = await stage.holder([stage.queue(device)]);
    const finder = bpfFinder(iterators());
    const older: Finder = {
      ...finder,
      find: async (host, pace, thoroughly) => {
        const finds = await finder.find(host, pace, thoroughly);
        const tables = finds.tables.map((table) => ({
          ...table,
          devices: table.devices.map((find) => ({
            ...find,
            sight: { ...find.sight!, startTime: find.sight!.startTime - 1 },
          })),
        }));
        return { ...finds, tables };
      },
    };
    const scan = await scanned(inspectorOn(refusing(pid), older));
    assertNotKnown(bindingOf(scan, device, stage.home));
    assert.ok(scan.coverage.deniedProcesses.some((denied) => denied.pid === pid));
  },
);

// --- the device changes between any two steps ----------------------------------------------------

/** In a scan of a device whose holder only the finder can tell of. */
const moments = [
  'after the first iteration',
  'before links are listed',
  'after its queues were counted',
  'before the second iteration',
] as const;

type Moment = (typeof moments)[number];

function interrupted(moment: Moment, pid: number, device: string, happen: () => void) {
  let happened = false;
  let iterations = 0;
  const now = (here: Moment) => {
    if (here !== moment || happened) return;
    happened = true;
    happen();
  };
  const bpf = bpfFinder(iterators());
  const refused = refusing(pid);
  const kernel: Linux = {
    ...refused,
    dumpLinks: (route, kind) => {
      now('before links are listed');
      return refused.dumpLinks(route, kind);
    },
    combinedChannels: (socket, name) => {
      const count = refused.combinedChannels(socket, name);
      if (name === device) now('after its queues were counted');
      return count;
    },
  };
  const finder: Finder = {
    ...bpf,
    find: async (host, pace, thoroughly) => {
      if (++iterations === 2) now('before the second iteration');
      const finds = await bpf.find(host, pace, thoroughly);
      if (iterations === 1) now('after the first iteration');
      return finds;
    },
  };
  return { kernel, finder, happened: () => happened };
}

for (const moment of moments) {
  for (const [change, flags] of [
    ['is deleted', IFF_TAP],
    ['is renamed', IFF_TAP],
    ['moves', IFF_TAP],
    ['gives its name to another', IFF_TAP],
    ['is made anew', IFF_TUN],
  ] as const) {
    test(
      `a device that ${change} ${moment} is told as it is, or not at all`,
      { skip },
      async (t) => {
        const stage = setStage(t);
        const [device, renamed, netns] = [stage.deviceName(), stage.deviceName(), stage.netns()];
        const { pid } = await stage.holder([stage.queue(device, flags | IFF_NO_PI)]);
        const ifindex = stage.home.ifindex(device);
        const { kernel, finder, happened } = interrupted(moment, pid, device, () => {
          if (change === 'is deleted' || change === 'is made anew')
            stage.home.ip('link', 'del', device);
          if (change === 'is renamed' || change === 'gives its name to another')
            stage.home.ip('link', 'set', device, 'name', renamed);
          if (change === 'moves') stage.home.move(device, netns);
          if (change === 'is made anew' || change === 'gives its name to another')
            stage.queue(device, flags | IFF_NO_PI);
        });
        const inspector = inspectorOn(kernel, finder);
        const during = called(await inspector.scan(), device, renamed);
        assert.ok(happened());
        const isOurs = ({
          device: {
            netns: { inode },
            ...told
          },
        }: Binding) =>
          inode === netns.inode || (inode === stage.home.inode && told.ifindex === ifindex);
        for (const binding of during) {
          assert.deepEqual(holderPids(binding), isOurs(binding) ? [pid] : [], binding.verdict);
        }
        const next = called(await inspector.scan(), device, renamed);
        for (const binding of next) {
          assert.deepEqual(holderPids(binding), isOurs(binding) ? [pid] : []);
        }
        const stays = change !== 'is deleted' && change !== 'is made anew';
        assert.equal(next.filter(isOurs).length, stays ? 1 : 0);
      },
    );
  }
}

test(
  'a device that changes hands after the first iteration is its new holder’s',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const device = stage.unheldDevice();
    const [before, after] = [await stage.agent([stage.queue(device)]), await stage.agent()];
    const bpf = bpfFinder(iterators());
    let iterations = 0;
    const finder: Finder = {
      ...bpf,
      find: async (host, pace, thoroughly) => {
        const finds = await bpf.find(host, pace, thoroughly);
        if (++iterations === 1) {
          await before.close(3);
          await after.attach(await after.open(), device, IFF_TAP | IFF_NO_PI);
        }
        return finds;
      },
    };
    // The one that let go is still there, and its descriptor would be taken for open.
    const kernel = refusing(before.pid, after.pid);
    const binding = bindingOf(await scanned(inspectorOn(kernel, finder)), device, stage.home);
    assert.equal(binding.verdict, 'HELD');
    assert.deepEqual(holderPids(binding), [after.pid]);
  },
);
