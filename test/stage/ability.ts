// What this machine allows a test to do, as reasons to skip it.
import { spawnSync } from 'node:child_process';
import { accessSync, closeSync, constants, openSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { openRing } from './io-uring.js';
import { refused } from './own-namespaces.js';

/**
 * `root`: every capability over the netns this runs in (also as root of a user namespace).
 * `initial-root`: root of the initial user namespace.
 * `tun`: /dev/net/tun opens. `netns`: `ip netns add` works. `io_uring`: an instance can be made.
 * Anything else is a command in PATH.
 */
export type Need = 'root' | 'initial-root' | 'tun' | 'netns' | 'io_uring' | `command:${string}`;

/**
 * The reason to skip a test that has these needs, for node:test's `skip`.
 * `test('...', { skip: missing('root', 'tun', 'netns') }, ...)`
 */
export function missing(...needs: Need[]): string | false {
  if (process.platform !== 'linux') return 'not Linux';
  for (const need of needs) {
    const reason = reasonAgainst(need);
    if (reason !== undefined) return reason;
  }
  return false;
}

function reasonAgainst(need: Need): string | undefined {
  switch (need) {
    case 'root':
      return process.geteuid?.() === 0 ? undefined : `not root (${refused ?? 'no reason known'})`;
    case 'initial-root':
      return process.geteuid?.() === 0 && inInitialUserNamespace()
        ? undefined
        : 'not root of the initial user namespace';
    case 'tun':
      return tunReason();
    case 'netns':
      return (
        reasonAgainst('root') ?? commandReason('ip') ?? commandReason('nsenter') ?? netnsReason()
      );
    case 'io_uring':
      return ringReason();
    default:
      return commandReason(need.slice('command:'.length));
  }
}

function inInitialUserNamespace(): boolean {
  return /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'));
}

function tunReason(): string | undefined {
  try {
    closeSync(openSync('/dev/net/tun', 'r+'));
    return undefined;
  } catch (error) {
    return `/dev/net/tun does not open (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`;
  }
}

function ringReason(): string | undefined {
  try {
    closeSync(openRing());
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

let netnsAnswer: { readonly reason: string | undefined } | undefined;

function netnsReason(): string | undefined {
  if (netnsAnswer === undefined) {
    const name = `tapmap-ability-${process.pid}`;
    const { status, stderr } = spawnSync('ip', ['netns', 'add', name], { encoding: 'utf8' });
    if (status === 0) spawnSync('ip', ['netns', 'delete', name]);
    netnsAnswer = { reason: status === 0 ? undefined : `ip netns add: ${stderr.trim()}` };
  }
  return netnsAnswer.reason;
}

function commandReason(command: string): string | undefined {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    try {
      accessSync(join(directory, command), constants.X_OK);
      return undefined;
    } catch {
      // Not in this directory.
    }
  }
  return `${command} is not installed`;
}
