// Imported for its effect by stage.ts, and so by every test that needs a kernel to itself: when an
// ordinary user runs such a test file, the file runs again as root of new user, network and mount
// namespaces, where making devices and namespaces is allowed. The second run writes to the same
// standard output, so the test runner sees one file.
import { spawnSync } from 'node:child_process';

const MARK = 'TAPMAP_TEST_NAMESPACES';

// `ip netns` needs a writable /run; loopback starts down in a new netns.
const PREPARE = 'mount -t tmpfs tmpfs /run && ip link set lo up';
const UNSHARE = ['--user', '--map-root-user', '--net', '--mount', '--'];

function rerun(): string | undefined {
  const probe = spawnSync('unshare', [...UNSHARE, 'sh', '-c', PREPARE], { encoding: 'utf8' });
  if (probe.error !== undefined) return `unshare: ${probe.error.message}`;
  if (probe.status !== 0) return `unshare -Urnm is refused: ${probe.stderr.trim()}`;
  const self = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const script = `${PREPARE} && exec "$@"`;
  const again = spawnSync('unshare', [...UNSHARE, 'sh', '-c', script, 'sh', ...self], {
    stdio: 'inherit',
    env: { ...process.env, [MARK]: 'own' },
  });
  process.exit(again.status ?? 1);
}

/** Why this process could not get namespaces of its own; unset when it has them or needs none. */
export const refused: string | undefined =
  process.platform !== 'linux' || process.geteuid?.() === 0 || process.env[MARK] !== undefined
    ? undefined
    : rerun();
