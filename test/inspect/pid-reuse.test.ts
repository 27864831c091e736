// Scenario 21: the pid of a holder that ended is given to another process.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { missing } from '../stage/ability.js';
import { setStage } from '../stage/stage.js';

// And no device that somebody outside holds: it would make each scan look twice.
const OWN_PIDS = ['--net', '--pid', '--fork', '--kill-child', '--mount-proc', '--'];

function reasonAgainst(): string | false {
  const reason = missing('initial-root', 'tun', 'netns', 'command:unshare');
  if (reason !== false) return reason;
  const script = 'echo 1000 > /proc/sys/kernel/ns_last_pid';
  const { status } = spawnSync('unshare', [...OWN_PIDS, 'sh', '-c', script], { stdio: 'ignore' });
  return status === 0 ? false : 'no pid namespace in which the next pid can be chosen';
}

test(
  'scenario 21: whoever gets the pid of the holder between two steps is never told as holder',
  { skip: reasonAgainst() },
  async (t) => {
    setStage(t);
    const main = fileURLToPath(new URL('./pid-reuse-main.ts', import.meta.url));
    const node = [process.execPath, '--import', import.meta.resolve('tsx'), main];
    // The shell stays the first process, and reaps those whose parents have ended.
    const line = [...OWN_PIDS, 'sh', '-c', '"$@"; exit $?', 'sh', ...node];
    const child = spawn('unshare', line, { stdio: ['ignore', 'ignore', 'pipe'] });
    let complaints = '';
    child.stderr.on('data', (text: Buffer) => {
      complaints += text.toString();
    });
    const [code] = (await once(child, 'close')) as [number | null];
    assert.equal(code, 0, complaints);
  },
);
