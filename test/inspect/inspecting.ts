// An Inspector on this machine, and what it says of one device.
import assert from 'node:assert/strict';
import { procFinder, type Finder } from '../../src/inspect/find.js';
import { thisHost } from '../../src/inspect/host.js';
import { Inspector, type Scan } from '../../src/inspect/inspector.js';
import { linux, type Linux } from '../../src/inspect/linux.js';
import type { Binding } from '../../src/model/binding.js';
import { PROBE_TITLE } from '../../src/model/process-title.js';
import type { Netns } from '../stage/netns.js';
import { openFiles } from './moments.js';

// What this process copies is not to be taken for a holder by a tapmap that runs at the same time.
process.title = PROBE_TITLE;

// Opens what the process keeps open from its first look on, before any test looks for leaks.
thisHost();

export function inspectorOn(kernel: Linux = linux, finder: Finder = procFinder(null)): Inspector {
  const told = { workloadOf: () => null, userNameOf: () => '' };
  return new Inspector({ host: thisHost('/proc', kernel), finder, ...told });
}

/** Scans, and checks that nothing that was opened for it is open any more. */
export async function scanned(inspector: Inspector): Promise<Scan> {
  const before = openFiles();
  const scan = await inspector.scan();
  assert.deepEqual(openFiles(), before);
  return scan;
}

/** The bindings of all devices that have one of these names, wherever. */
export function called({ bindings }: Scan, ...names: string[]): Binding[] {
  return bindings.filter(({ device }) => names.includes(device.name));
}

/** The one binding of the device. */
export function bindingOf(scan: Scan, name: string, netns: Netns): Binding {
  const found = called(scan, name).filter(({ device }) => device.netns.inode === netns.inode);
  assert.equal(found.length, 1, `bindings of ${name} in ${netns.path}`);
  return found[0]!;
}

export function holderPids({ holders }: Binding): number[] {
  return holders.map(({ process }) => process.pid);
}
