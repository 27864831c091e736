// Scenario 26: pasta, which gives an ordinary user's program a network: it makes a user namespace, and
// in that a network namespace without a name, and attaches to a tap in it while it stays outside.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { DeviceKind, Evidence, Verdict } from '../../src/gen/tapmap/v1/tap_binding.js';
import { Tapmap } from '../scenarios/tapmap.js';
import { missing } from '../stage/ability.js';
import { Netns } from '../stage/netns.js';
import { setStage } from '../stage/stage.js';
import { until } from '../stage/until.js';
import { refusal, startProgram } from './program.js';

const NOBODY = 65534;
const AS_NOBODY = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] as const;
// A mount namespace in which the device node has the mode that udev gives it, for ordinary users.
const WITH_OPEN_TUN = [
  ...['unshare', '--mount', '--', 'sh', '-c'],
  'mount -t tmpfs -o mode=755 tmpfs /dev/net && mknod -m 666 /dev/net/tun c 10 200 && exec "$@"',
  'sh',
] as const;
const NO_FORWARDS = ['-t', 'none', '-u', 'none', '-T', 'none', '-U', 'none'];

const skip =
  missing('initial-root', 'tun', 'netns', 'command:setpriv', 'command:unshare', 'command:pasta') ||
  refusal(...AS_NOBODY, 'unshare', '--user', '--net', 'true') ||
  refusal(...WITH_OPEN_TUN, 'true');
const tapmap = Tapmap.ofFile(skip);

test(
  'scenario 26: the tap of pasta is told in its namespace without a name, and pasta outside of it',
  { skip },
  async (t) => {
    const stage = setStage(t);
    // The outside that pasta copies addresses from: it wants an interface with a default route.
    const outside = stage.netns();
    outside.ip('link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'up1');
    outside.ip('link', 'set', 'up1', 'up');
    outside.ip('link', 'set', 'up0', 'up');
    outside.ip('addr', 'add', '192.0.2.2/24', 'dev', 'up0');
    outside.ip('route', 'add', 'default', 'via', '192.0.2.1');
    const name = stage.deviceName();
    // pasta ends with its command, and `cat` ends with its standard input.
    const pasta = await startProgram(
      stage,
      ['pasta', '--config-net', '--foreground', '--ns-ifname', name, ...NO_FORWARDS, '--', 'cat'],
      { netns: outside, under: [...WITH_OPEN_TUN, ...AS_NOBODY] },
    );
    const command = await until('pasta has started its command', () =>
      childrenOf(pasta.pid).find((pid) => commOf(pid) === 'cat'),
    );
    const inside = new Netns(`/proc/${command}/ns/net`);
    await until('pasta has its tap', () => inside.ip('-br', 'link').includes(name));

    const { device, verdict, queues, holders } = await tapmap.binding(name, inside);
    assert.equal(verdict, Verdict.VERDICT_HELD);
    assert.equal(device?.kind, DeviceKind.DEVICE_KIND_TAP);
    assert.equal(device.ifindex, inside.ifindex(name));
    assert.deepEqual(queues, { attached: 1, disabled: 0, found: 1 });
    // The namespace has no path; a process is the way to it.
    assert.deepEqual(device.netns?.paths, []);
    assert.equal(device.netns.initial, false);
    assert.equal(device.netns.pid, command);

    assert.equal(holders.length, 1);
    const { process, fds } = holders[0]!;
    assert.equal(process?.pid, pasta.pid);
    assert.equal(process.uid, NOBODY);
    assert.match(process.executable, /\/passt/);
    assert.equal(process.netns?.inode, BigInt(outside.inode));
    assert.deepEqual(process.netns.paths, [outside.path]);
    assert.deepEqual(
      fds.map(({ evidence, openedIn }) => [evidence, openedIn?.inode]),
      [[Evidence.EVIDENCE_IOCTL, BigInt(inside.inode)]],
    );

    // With its command, pasta ends, and with both the namespace and all that is in it.
    pasta.stdin.end();
    await pasta.exited();
    const { bindings } = await tapmap.agreed();
    assert.deepEqual(
      bindings.filter(({ device }) => device?.name === name),
      [],
    );
  },
);

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .split(' ')
    .filter(Boolean)
    .map(Number);
}

/** Empty when it has gone: pasta has children for moments, too. */
function commOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd();
  } catch {
    return '';
  }
}
