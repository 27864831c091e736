// Processes whose first thread has ended: their own /proc directory is that of a zombie, and shows
// neither descriptors nor namespaces. What is left of them is in their other threads.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { linux, type Linux } from '../../src/inspect/linux.js';
import { missing } from '../stage/ability.js';
import { Netns } from '../stage/netns.js';
import { setStage, type OwnFd, type Stage } from '../stage/stage.js';
import { until } from '../stage/until.js';
import { bindingOf, holderPids, inspectorOn, scanned } from './inspecting.js';

const skip = missing('initial-root', 'tun', 'netns', 'command:python3');

// Python, as Node does not outlive its first thread. Ends by itself when its standard input ends.
const LEADERLESS = `
import ctypes, os, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
def stay():
    if libc.unshare(int(sys.argv[1])) != 0: os._exit(1)
    os.write(1, b'%d\\n' % threading.get_native_id())
    os.read(0, 1)
    os._exit(0)
threading.Thread(target=stay).start()
libc.syscall({'x86_64': 60, 'aarch64': 93}[os.uname().machine], 0)
`;

/** A process that has only its second thread left; that one has taken what `unshare` says for itself. */
async function leaderless(
  stage: Stage,
  fds: readonly OwnFd[],
  unshare: number,
): Promise<{ pid: number; tid: number }> {
  const child = spawn('python3', ['-c', LEADERLESS, String(unshare)], {
    stdio: ['pipe', 'pipe', 'inherit', ...fds.map(({ fd }) => fd)],
  });
  const closed = once(child, 'close');
  stage.atEnd(async () => {
    child.kill('SIGKILL');
    await closed;
  });
  const [line] = (await once(child.stdout!, 'data')) as [Buffer];
  for (const own of fds) own.close();
  const pid = child.pid!;
  await until('the first thread has ended', () =>
    readFileSync(`/proc/${pid}/stat`, 'utf8').includes(' Z '),
  );
  return { pid, tid: Number(line.toString()) };
}

/** No process: one more than the highest pid that the kernel gives (PID_MAX_LIMIT). */
const NO_PID = 4 * 1024 * 1024 + 1;
const CLONE_NEWNET = 0x40000000;

test(
  'a thread whose leader has ended is a holder, under the pid of the process',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const device = stage.deviceName();
    const { pid, tid } = await leaderless(stage, [stage.queue(device)], 0);
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
  const { pid, tid } = await leaderless(stage, [], CLONE_NEWNET);
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
