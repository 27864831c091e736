// The commands that people use today, measured as they use them, their output counted and thrown away.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { timed } from './contender.js';

export interface Peer {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** The command that must be installed. */
  readonly needs: string;
  /** Milliseconds after which it is killed; it then counts as taking at least that long. */
  readonly limit: number;
  /** So slow that one run has to do. */
  readonly slow: boolean;
}

/** Whether there is a command of that name. */
export function isInstalled(command: string): boolean {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).error === undefined;
}

/** Peers whose last run was stopped at its limit: their figures are lower bounds. */
export const cutShort = new Set<string>();

/** Runs the peer once and gives the milliseconds it took. */
export async function runPeer(
  { name, command: [file, ...args], limit }: Peer,
  abort: AbortSignal,
): Promise<number> {
  return await timed(async () => {
    const child = spawn(file, args, {
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: limit,
      killSignal: 'SIGKILL',
    });
    let bytes = 0;
    child.stdout.on('data', (chunk: Buffer) => (bytes += chunk.length));
    const stop = (): void => void child.kill('SIGKILL');
    abort.addEventListener('abort', stop);
    const [, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    abort.removeEventListener('abort', stop);
    if (signal !== null) cutShort.add(name);
    // A command that fails at once must not pass for a fast one.
    else if (bytes === 0) throw new Error(`${name} found nothing`);
  });
}

export function peers(crowdPid: number, withTuntap: boolean): Peer[] {
  const all: Peer[] = [
    { name: 'lsfd', command: ['lsfd'], needs: 'lsfd', limit: 120_000, slow: false },
    { name: 'lsof', command: ['lsof', '-nPw'], needs: 'lsof', limit: 120_000, slow: false },
  ];
  if (!withTuntap) return all;
  // It shows the devices of the netns it runs in, and reads their flags from that netns' /sys. Its
  // time grows with devices x open files: many minutes beside the full crowd, so it is cut short.
  const script = 'mount -t sysfs sysfs /sys && exec ip -d tuntap show';
  const netns = `--net=/proc/${crowdPid}/ns/net`;
  const command = ['nsenter', netns, 'unshare', '--mount', 'sh', '-c', script] as const;
  return [...all, { name: 'ip -d tuntap show', command, needs: 'ip', limit: 150_000, slow: true }];
}
