import type { Binding } from '../../src/model/binding.js';
import type { Coverage } from '../../src/model/coverage.js';
import { resourceName } from '../../src/model/device.js';
import type { Verdict } from '../../src/model/verdict.js';

const named = { pid: 1, comm: 'init', container: '' };
const netns = { inode: 1, cookie: '1', paths: [], initial: true, ...named };

export function binding(ifindex: number, verdict: Verdict = 'UNHELD'): Binding {
  return {
    name: resourceName(netns, ifindex),
    device: {
      name: `tap${ifindex}`,
      ifindex,
      kind: 'TAP',
      netns,
      hardwareAddress: '02:00:00:00:00:01',
      mtu: 1500,
      up: true,
      master: null,
      persistent: true,
      multiQueue: false,
      packetInfo: false,
      vnetHdr: false,
      ownerUid: null,
      groupGid: null,
      alias: '',
      statistics: null,
    },
    holders: [],
    verdict,
    hints: [],
    reasons: [],
    queues: { attached: 0, disabled: 0, found: 0 },
  };
}

export const coverage: Coverage = {
  processesSeen: 1,
  processesDenied: 0,
  deniedProcesses: [],
  netnsSeen: 1,
  netnsDenied: 0,
  deniedNetns: [],
  finder: 'PROC',
  degraded: [],
  unattachedFds: 0,
  scanTime: 0,
  scanDuration: 1,
  triggers: [],
  scanInterval: 1000,
};
