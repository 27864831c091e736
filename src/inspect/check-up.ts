/** What tapmap could see here and now, with the rights of this process: `tapmap doctor`. */
import { release } from 'node:os';
import type { ScanCoverage } from '../model/coverage.js';
import { abilities } from './abilities.js';
import type { Ability } from './ability.js';
import { BPF_FINDER } from './bpf-ability.js';
import { chooseFinder } from './choose-finder.js';
import { procFinder, type Finder } from './find.js';
import { thisHost } from './host.js';
import { Inspector } from './inspector.js';

export interface CheckUp {
  /** Release of the kernel. */
  readonly kernel: string;
  readonly uid: number;
  readonly abilities: readonly Ability[];
  /** Devices that one scan found. */
  readonly devices: number;
  readonly coverage: ScanCoverage;
}

export async function checkUp(): Promise<CheckUp> {
  const host = thisHost();
  const finder = chooseFinder('auto', () => procFinder(null));
  const inspector = new Inspector({ host, finder, workloadOf: () => null, userNameOf: () => '' });
  const { bindings, coverage } = await inspector.scan();
  return {
    kernel: release(),
    uid: process.geteuid?.() ?? 0,
    abilities: [...abilities(host), finderAbility(finder)],
    devices: bindings.length,
    coverage,
  };
}

function finderAbility({ kind, degraded: [lacking] }: Finder): Ability {
  return {
    name: BPF_FINDER,
    purpose: 'find open files fast, also those of processes whose /proc/PID/fd is closed to us',
    available: kind === 'BPF',
    cost: lacking?.cost ?? '',
    remedy: lacking?.remedy ?? '',
  };
}
