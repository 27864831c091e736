// macvtap devices, each with a node of its own, made and opened as a hypervisor's manager would.
import { mkdtempSync, openSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { missing } from './ability.js';
import { run } from './command.js';
import type { Netns } from './netns.js';
import type { OwnFd, Stage } from './stage.js';
import { until } from './until.js';

const DEVICES = '/sys/dev/char';

/** Their nodes are for root alone, and the driver may be a module, which a test does not load. */
export function missingMacvtap(): string | false {
  const needs = missing('initial-root', 'tun', 'netns', 'command:mknod');
  if (needs !== false) return needs;
  return macvtapMajor() === undefined ? 'no macvtap driver' : false;
}

function macvtapMajor(): string | undefined {
  return /^ *(\d+) macvtap$/m.exec(readFileSync('/proc/devices', 'utf8'))?.[1];
}

/** On top of `below`, which is in `stage.home`; then moved. Deleted with `below`. */
export function addMacvtap(
  stage: Stage,
  below: string,
  name: string,
  { address, netns }: { address?: string; netns?: Netns } = {},
): void {
  const as = address === undefined ? [] : ['address', address];
  stage.home.ip('link', 'add', 'link', below, 'name', name, ...as, 'type', 'macvtap');
  if (netns !== undefined) stage.home.move(name, netns);
}

/** `MAJOR:MINOR` of the nodes of all macvtaps of that name and index, whatever their namespace. */
export function macvtapNumbers(name: string, ifindex: number): string[] {
  const target = `/net/${name}/macvtap/tap${ifindex}`;
  return readdirSync(DEVICES).filter((number) => {
    try {
      return readlinkSync(`${DEVICES}/${number}`).endsWith(target);
    } catch {
      return false; // Gone meanwhile.
    }
  });
}

/**
 * One new queue of a macvtap: its node opened. Not `/dev/tapN`: devtmpfs may be mounted elsewhere, and
 * devices of two namespaces may want the same name there.
 */
export async function openMacvtap(stage: Stage, netns: Netns, name: string): Promise<OwnFd> {
  const [number] = await until(`${name} has a number`, () => {
    const numbers = macvtapNumbers(name, netns.ifindex(name));
    return numbers.length === 1 && numbers;
  });
  const directory = mkdtempSync(join(tmpdir(), 'tapmap-macvtap-'));
  try {
    const node = join(directory, 'node');
    run('mknod', node, 'c', ...number!.split(':'));
    return stage.own(openSync(node, 'r+'));
  } finally {
    rmSync(directory, { recursive: true });
  }
}
