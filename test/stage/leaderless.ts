// Processes whose first thread has ended: their own /proc directory is that of a zombie, and shows
// neither descriptors nor namespaces. What is left of them is in their other threads.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { OwnFd, Stage } from './stage.js';
import { until } from './until.js';

// Python, as Node does not outlive its first thread. Ends by itself when its standard input ends.
const LEADERLESS = `
import ctypes, os, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
def wait():
    os.read(0, 1)
    os._exit(0)
def stay():
    if libc.unshare(int(sys.argv[1])) != 0: os._exit(1)
    for _ in range(int(sys.argv[2])): threading.Thread(target=wait).start()
    os.write(1, b'%d\\n' % threading.get_native_id())
    wait()
threading.Thread(target=stay).start()
libc.syscall({'x86_64': 60, 'aarch64': 93}[os.uname().machine], 0)
`;

/**
 * A process with `fds` as its 3, 4, ... whose first thread has ended. What is left is thread `tid`,
 * which has taken for itself what `unshare` (flags of unshare(2)) says, and `more` threads that share
 * all with that one. Needs the command python3.
 */
export async function leaderless(
  stage: Stage,
  fds: readonly OwnFd[],
  { unshare = 0, more = 0 } = {},
): Promise<{ pid: number; tid: number }> {
  const child = spawn('python3', ['-c', LEADERLESS, String(unshare), String(more)], {
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
