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
def stay():
    if libc.unshare(int(sys.argv[1])) != 0: os._exit(1)
    os.write(1, b'%d\\n' % threading.get_native_id())
    os.read(0, 1)
    os._exit(0)
threading.Thread(target=stay).start()
libc.syscall({'x86_64': 60, 'aarch64': 93}[os.uname().machine], 0)
`;

/** A process that has only its second thread left; that one has taken what `unshare` says for itself. */
export async function leaderless(
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
