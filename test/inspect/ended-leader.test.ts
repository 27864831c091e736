// Processes whose first thread has ended: their own /proc directory is that of a zombie, and shows
// neither descriptors nor namespaces. What is left of them is in their other threads.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linux, type Linux } from '../../src/inspect/linux.js';
import { missing } from '../stage/ability.js';
import { leaderless } from '../stage/leaderless.js';
import { Netns } from '../stage/netns.js';
import { setStage } from '../stage/stage.js';
import { bindingOf, holderPids, inspectorOn, scanned } from './inspecting.js';

const skip = missing('initial-root', 'tun', 'netns', 'command:python3');

/** No process: one more than the highest pid that the kernel gives (PID_MAX_LIMIT). */
const NO_PID = 4 * 1024 * 1024 + 1;
const CLONE_NEWNET = 0x40000000;

test(
  'a thread whose leader has ended is a holder, under the pid of the process',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const device = stage.deviceName();
    const { pid, tid } = await leaderless(stage, [stage.queue(device)]);
    const binding = bindingOf(await scanned(inspectorOn()), device, stage.home);
    assert.equal(binding.verdict, 'HELD');
    assert.deepEqual(holderPids(binding), [pid]);
    assert.deepEqual(
      binding.holders[0]?.fds.map((fd) => [fd.fd, fd.tid]),
      [[3, tid]],
    );
  },
);

test('the namespace of a thread whose leader has ended is listed', { skip }, async (t) => {
  const stage = setStage(t);
  const { pid, tid } = await leaderless(stage, [], { unshare: CLONE_NEWNET });
  const netns = new Netns(`/proc/${pid}/task/${tid}/ns/net`);
  assert.notEqual(netns.inode, stage.home.inode);
  const device = stage.unheldDevice();
  stage.home.ip('link', 'set', device, 'netns', netns.path);
  assert.equal(bindingOf(await scanned(inspectorOn()), device, netns).verdict, 'UNHELD');
});

test(
  'a process with threads that ends before they are listed does no harm',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const { pid } = await stage.agent();
    const device = stage.unheldDevice();
    let asked = false;
    const kernel: Linux = {
      ...linux,
      listNumbers: (directory) => {
        if (directory !== `/proc/${pid}/task`) return linux.listNumbers(directory);
        asked = true;
        return linux.listNumbers(`/proc/${NO_PID}/task`);
      },
    };
    const binding = bindingOf(await scanned(inspectorOn(kernel)), device, stage.home);
    assert.ok(asked);
    assert.equal(binding.verdict, 'UNHELD');
  },
);
