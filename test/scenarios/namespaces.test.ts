// Scenarios 18 to 20: holders in namespaces below this one, and namespaces that nobody lives in.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Verdict, type TapBinding } from '../../src/gen/tapmap/v1/tap_binding.js';
import { ChangeType } from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { missing } from '../stage/ability.js';
import { Netns } from '../stage/netns.js';
import { setStage, type OwnFd, type Stage } from '../stage/stage.js';
import { IFF_NO_PI, IFF_TAP, openQueue, openTun } from '../stage/tun.js';
import { until } from '../stage/until.js';
import { Tapmap } from './tapmap.js';

const TAP = IFF_TAP | IFF_NO_PI;
const NOBODY = 65534;
const skip = missing('root', 'tun', 'netns');
const skipInitial = missing('initial-root', 'tun', 'netns', 'command:unshare', 'command:setpriv');
const tapmap = Tapmap.ofFile(skip);

/** Starts a chain of processes that hold `fds`, ends with `cat`, and gives the pid of that one. */
async function nested(
  stage: Stage,
  fds: readonly OwnFd[],
  [command, ...args]: readonly [string, ...string[]],
): Promise<number> {
  const child = spawn(command, [...args, 'cat'], {
    stdio: ['pipe', 'ignore', 'inherit', ...fds.map(({ fd }) => fd)],
  });
  const closed = once(child, 'close');
  stage.atEnd(async () => {
    child.kill('SIGKILL');
    await closed;
  });
  await once(child, 'spawn');
  for (const own of fds) own.close();
  return await until('cat runs', () => innermost(child.pid!));
}

function innermost(pid: number): number | false {
  if (readFileSync(`/proc/${pid}/comm`, 'utf8') === 'cat\n') return pid;
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
  return child === undefined || child === '' ? false : innermost(Number(child));
}

/** The kernel's own word on it: NSpid of /proc/PID/status. */
function nsPids(pid: number): number[] {
  const [, numbers] = /^NSpid:\s*(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
  return numbers!.split(/\s+/).map(Number);
}

function holderPids({ holders }: TapBinding): (number | undefined)[] {
  return holders.map(({ process }) => process?.pid);
}

const UNSHARE_PID = ['unshare', '--pid', '--fork', '--kill-child'] as const;

test('scenario 18: a holder in a child pid namespace', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.deviceName();
  const pid = await nested(stage, [stage.queue(name)], UNSHARE_PID);
  const { verdict, holders } = await tapmap.binding(name, stage.home);
  assert.equal(verdict, Verdict.VERDICT_HELD);
  // `unshare` waits for its child, and has inherited the descriptor as well.
  const holder = holders.find(({ process }) => process?.pid === pid);
  assert.deepEqual(holder?.process?.nsPids, [pid, 1]);
  assert.deepEqual(
    holders.map(({ process }) => process?.nsPids[0]),
    holders.map(({ process }) => process?.pid),
  );
});

test('scenario 18: a holder three pid namespaces down', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.deviceName();
  const line = [...UNSHARE_PID, ...UNSHARE_PID, ...UNSHARE_PID] as const;
  const pid = await nested(stage, [stage.queue(name)], line);
  const { verdict, holders } = await tapmap.binding(name, stage.home);
  assert.equal(verdict, Verdict.VERDICT_HELD);
  const holder = holders.find(({ process }) => process?.pid === pid);
  assert.equal(holder?.process?.nsPids.length, 4);
  assert.deepEqual(holder.process.nsPids, nsPids(pid));
});

test(
  'scenario 18: a holder in a child user namespace, with a device and a network namespace of its own',
  { skip: skipInitial },
  async (t) => {
    const stage = setStage(t);
    const name = stage.deviceName();
    const agent = await stage.agent([], {
      under: ['unshare', '--user', '--map-root-user', '--net', '--'],
    });
    await agent.attach(await agent.open(), name, TAP);
    const netns = new Netns(`/proc/${agent.pid}/ns/net`);
    const binding = await tapmap.binding(name, netns);
    assert.equal(binding.verdict, Verdict.VERDICT_HELD);
    assert.deepEqual(holderPids(binding), [agent.pid]);
    assert.equal(binding.device?.netns?.initial, false);
    assert.equal(binding.device.netns.pid, agent.pid);
    assert.equal(binding.holders[0]?.process?.netns?.inode, BigInt(netns.inode));
  },
);

test(
  'scenario 18: a holder that is root in its user namespace is told by its user here',
  { skip: skipInitial },
  async (t) => {
    const stage = setStage(t);
    const name = stage.deviceName();
    const holder = await stage.holder([stage.queue(name)], {
      uid: NOBODY,
      gid: NOBODY,
      under: ['unshare', '--user', '--map-root-user', '--'],
    });
    const { verdict, holders } = await tapmap.binding(name, stage.home);
    assert.equal(verdict, Verdict.VERDICT_HELD);
    assert.deepEqual(
      holders.map(({ process }) => [process?.pid, process?.uid, process?.gid]),
      [[holder.pid, NOBODY, NOBODY]],
    );
  },
);

test(
  'scenario 18: a holder in a user namespace inside a user namespace, and in a pid namespace of it',
  { skip: skipInitial },
  async (t) => {
    const stage = setStage(t);
    const name = stage.deviceName();
    const user = ['unshare', '--user', '--map-root-user'] as const;
    const pid = await nested(
      stage,
      [stage.queue(name)],
      [...user, '--', ...user, '--pid', '--fork', '--kill-child', '--'],
    );
    const { verdict, holders } = await tapmap.binding(name, stage.home);
    assert.equal(verdict, Verdict.VERDICT_HELD);
    const holder = holders.find(({ process }) => process?.pid === pid);
    assert.deepEqual(holder?.process?.nsPids, [pid, 1]);
    assert.equal(holder.process.uid, 0);
  },
);

test(
  'scenario 19: a network namespace that lives only through an open tun file is listed, all of it',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const [held, unheld] = [stage.deviceName(), stage.deviceName()];
    const { netns, keeper } = await stage.unnamedNetns();
    netns.ip('tuntap', 'add', unheld, 'mode', 'tap');
    const holder = await stage.holder([stage.own(netns.within(() => openQueue(held, TAP)))]);
    await keeper.kill();

    const binding = await tapmap.binding(held, netns);
    assert.equal(binding.verdict, Verdict.VERDICT_HELD);
    assert.deepEqual(holderPids(binding), [holder.pid]);
    assert.deepEqual(binding.device?.netns?.paths, []);
    assert.equal(binding.device.netns.pid, undefined);
    assert.equal(binding.holders[0]?.process?.netns?.inode, BigInt(stage.home.inode));
    const other = await tapmap.binding(unheld, netns);
    assert.equal(other.verdict, Verdict.VERDICT_UNHELD);

    // The last way in goes, and the namespace with it.
    await holder.kill();
    await tapmap.gone(held, netns);
    await tapmap.gone(unheld, netns);
  },
);

test(
  'scenario 19: likewise through a tun file that is attached to nothing',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const name = stage.deviceName();
    const { netns, keeper } = await stage.unnamedNetns();
    netns.ip('tuntap', 'add', name, 'mode', 'tap');
    await stage.holder([stage.own(netns.within(() => openTun()))]);
    await keeper.kill();
    assert.equal((await tapmap.binding(name, netns)).verdict, Verdict.VERDICT_UNHELD);
  },
);

test(
  'scenario 19: likewise when the file was passed on to another process',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const name = stage.deviceName();
    const { netns, keeper } = await stage.unnamedNetns();
    const [near, far] = stage.socketPair();
    const sender = await stage.agent([near, stage.own(netns.within(() => openQueue(name, TAP)))]);
    const receiver = await stage.agent([far]);
    await keeper.kill();
    await sender.send(3, 4);
    await receiver.receive(3);
    await sender.kill();
    const binding = await tapmap.binding(name, netns);
    assert.equal(binding.verdict, Verdict.VERDICT_HELD);
    assert.deepEqual(holderPids(binding), [receiver.pid]);
  },
);

test(
  'scenario 19: while that file is in flight there is no way in, and when it is received the same devices are told',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const name = stage.deviceName();
    const { netns, keeper } = await stage.unnamedNetns();
    const [near, far] = stage.socketPair();
    const sender = await stage.agent([near, stage.own(netns.within(() => openQueue(name, TAP)))]);
    const receiver = await stage.agent([far]);
    await keeper.kill();
    const before = await tapmap.binding(name, netns);
    await sender.send(3, 4);
    await sender.close(4);
    await tapmap.gone(name, netns);
    await receiver.receive(3);
    const after = await tapmap.binding(name, netns);
    assert.equal(after.name, before.name);
    assert.equal(after.verdict, Verdict.VERDICT_HELD);
    assert.deepEqual(holderPids(after), [receiver.pid]);
  },
);

test(
  'scenario 20: a namespace is deleted under its devices: they are gone, and their files are attached to nothing',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const [held, unheld] = [stage.deviceName(), stage.deviceName()];
    const netns = stage.netns();
    const holder = await stage.holder([stage.queue(held)]);
    stage.home.move(held, netns);
    netns.ip('tuntap', 'add', unheld, 'mode', 'tap');
    const before = await tapmap.binding(held, netns);
    assert.deepEqual(holderPids(before), [holder.pid]);
    await tapmap.binding(unheld, netns);

    // The holder's file was opened at home: nothing of it keeps the namespace.
    stage.home.ip('netns', 'delete', netns.path.replace('/run/netns/', ''));
    await tapmap.gone(held, netns);
    await tapmap.gone(unheld, netns);
    const { bindings, coverage } = await tapmap.agreed();
    assert.ok(!bindings.some((binding) => holderPids(binding).includes(holder.pid)));
    assert.ok(coverage.unattachedFds >= 1);
    assert.ok(
      tapmap.replay.batches
        .flat()
        .some(
          ({ type, binding }) =>
            type === ChangeType.CHANGE_TYPE_REMOVED && binding?.name === before.name,
        ),
    );
  },
);

test(
  'scenario 20: a namespace that is deleted by name lives on through the file of a holder that opened in it',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const name = stage.deviceName();
    const netns = stage.netns();
    const holder = await stage.holder([stage.own(netns.within(() => openQueue(name, TAP)))]);
    assert.deepEqual((await tapmap.binding(name, netns)).device?.netns?.paths, [netns.path]);
    stage.home.ip('netns', 'delete', netns.path.replace('/run/netns/', ''));
    const binding = await tapmap.binding(name, netns);
    assert.equal(binding.verdict, Verdict.VERDICT_HELD);
    assert.deepEqual(holderPids(binding), [holder.pid]);
    assert.deepEqual(binding.device?.netns?.paths, []);
  },
);

test(
  'scenario 20: a new namespace with the inode of a dead one is another one',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const name = stage.deviceName();
    const first = stage.netns();
    first.ip('tuntap', 'add', name, 'mode', 'tap');
    const before = await tapmap.binding(name, first);
    stage.home.ip('netns', 'delete', first.path.replace('/run/netns/', ''));

    // The kernel gives the lowest free number. Others may be quicker to take it, so keep taking.
    let second: Netns | undefined;
    for (let attempt = 0; attempt < 50 && second === undefined; attempt++) {
      const next = stage.netns();
      if (next.inode === first.inode) second = next;
    }
    if (second === undefined) {
      t.skip('the kernel did not use the inode again');
      return;
    }
    second.ip('tuntap', 'add', name, 'mode', 'tap');
    const holder = await stage.holder([stage.own(second.within(() => openQueue(name, TAP)))]);
    const after = await tapmap.binding(name, second);
    assert.equal(after.device?.netns?.inode, before.device?.netns?.inode);
    assert.notEqual(after.device?.netns?.cookie, before.device?.netns?.cookie);
    assert.notEqual(after.name, before.name);
    assert.deepEqual(after.device?.netns?.paths, [second.path]);
    assert.deepEqual(holderPids(after), [holder.pid]);
    // To a watcher the one went and the other came.
    const changes = tapmap.replay.batches
      .flat()
      .filter(({ binding }) => binding?.device?.name === name)
      .map(({ type, binding }) => [type, binding?.name]);
    assert.deepEqual(
      changes.filter(([type]) => type === ChangeType.CHANGE_TYPE_REMOVED),
      [[ChangeType.CHANGE_TYPE_REMOVED, before.name]],
    );
    assert.ok(
      changes.some(
        ([type, resource]) => type === ChangeType.CHANGE_TYPE_ADDED && resource === after.name,
      ),
    );
  },
);

test(
  'a namespace without a path is told by a process that lives there, and by the next one when that ends',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const name = stage.unheldDevice();
    const { netns, keeper } = await stage.unnamedNetns();
    // Made later, so that it is the second one that is found.
    const agent = await stage.agent([], { netns });
    const inside = new Netns(`/proc/${agent.pid}/ns/net`);
    stage.home.move(name, netns);
    const before = await tapmap.binding(name, inside);
    const first = before.device?.netns;
    assert.deepEqual([first?.paths, first?.pid, first?.comm], [[], keeper.pid, 'cat']);

    await keeper.kill();
    const after = await tapmap.binding(name, inside);
    const second = after.device?.netns;
    const comm = readFileSync(`/proc/${agent.pid}/comm`, 'utf8').trimEnd();
    assert.deepEqual([second?.pid, second?.comm], [agent.pid, comm]);
    assert.equal(after.name, before.name);

    await agent.exec('/bin/sleep', 'infinity');
    const last = (await tapmap.binding(name, inside)).device?.netns;
    assert.deepEqual([last?.pid, last?.comm], [agent.pid, 'sleep']);
  },
);
