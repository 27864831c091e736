// Observations as a probe would make them.
import type { Binding } from '../../src/model/binding.js';
import { resourceName, type Netns } from '../../src/model/device.js';
import type { Effort } from '../../src/model/effort.js';
import type { Observation } from '../../src/model/observation.js';

const netns: Netns = {
  inode: 4026531840,
  cookie: '1',
  paths: [],
  initial: true,
  pid: 1,
  comm: 'init',
  container: '',
};

/** An unheld TAP device of the host's own namespace; its ifindex follows from its name. */
function unheld(name: string): Binding {
  const ifindex = Buffer.from(name).reduce((sum, byte) => (sum * 31 + byte) % 65_521, 1);
  return {
    name: resourceName(netns, ifindex),
    device: {
      name,
      ifindex,
      kind: 'TAP',
      netns,
      hardwareAddress: '02:00:00:00:00:01',
      mtu: 1500,
      up: false,
      master: null,
      persistent: true,
      multiQueue: false,
      packetInfo: true,
      vnetHdr: false,
      ownerUid: null,
      groupGid: null,
      alias: '',
      statistics: null,
    },
    holders: [],
    verdict: 'UNHELD',
    hints: [],
    reasons: [],
    queues: { attached: 0, disabled: 0, found: 0 },
  };
}

export const EFFORT: Effort = {
  processorTime: 1500,
  residentBytes: 64_000_000,
  scans: { count: 3, processorTime: 600.5 },
  parts: { count: 20, processorTime: 40.25 },
};

/** A full observation of unheld devices. */
export function observation(names: readonly string[], observedAt = 1_700_000_000_000): Observation {
  return {
    full: true,
    observedAt,
    bindings: names.map(unheld),
    gone: [],
    coverage: {
      processesSeen: 1,
      processesDenied: 0,
      deniedProcesses: [],
      netnsSeen: 1,
      netnsDenied: 0,
      deniedNetns: [],
      finder: 'PROC',
      degraded: [],
      unattachedFds: 0,
      scanTime: observedAt,
      scanDuration: 1,
      triggers: [],
      scanInterval: 1000,
    },
  };
}
