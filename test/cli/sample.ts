/** Bindings as a server sends them, for scripted answers. */
import {
  DeviceKind,
  Evidence,
  Holder,
  type HolderFd,
  Netns,
  TapBinding,
  Verdict,
  type DeepPartial,
} from '../../src/gen/tapmap/v1/tap_binding.js';
import { ListSummary } from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { Coverage, Finder } from '../../src/gen/tapmap/v1/coverage.js';

export const HOST = Netns.fromPartial({ inode: 4026531840n, cookie: 1n, initial: true, pid: 1 });
export const FOOZ = Netns.fromPartial({
  inode: 4026532281n,
  cookie: 42n,
  paths: ['/run/netns/fooz'],
});

export function holder(
  pid: number,
  comm: string,
  fds: readonly DeepPartial<HolderFd>[],
  more: DeepPartial<Holder> = {},
): Holder {
  return Holder.fromPartial({
    ...more,
    process: { pid, startTime: 1000n, comm, netns: HOST, nsPids: [pid], ...more.process },
    fds: fds.map((fd) => ({ evidence: Evidence.EVIDENCE_IOCTL, openedIn: HOST, ...fd })),
  });
}

export function binding(
  netns: Netns,
  ifindex: number,
  name: string,
  verdict: Verdict,
  more: DeepPartial<TapBinding> = {},
): TapBinding {
  const holders = (more.holders ?? []).map((one) => Holder.fromPartial(one));
  const queues = new Set(holders.flatMap(({ fds }) => fds.map(({ queue }) => queue))).size;
  return TapBinding.fromPartial({
    name: `netns/${netns.cookie}/devices/${ifindex}`,
    node: 'box',
    verdict,
    queues: { attached: queues, disabled: 0, found: queues },
    firstSeen: new Date('2026-01-31T12:00:00.000Z'),
    lastChanged: new Date('2026-01-31T12:00:01.500Z'),
    ...more,
    device: {
      name,
      ifindex,
      netns,
      kind: DeviceKind.DEVICE_KIND_TAP,
      mtu: 1500,
      hardwareAddress: '02:00:00:00:00:01',
      ...more.device,
    },
    holders,
  });
}

/** The worked example: two devices of one name, the one that moved to fooz is held. */
export const QEMU = holder(4242, 'qemu', [{ fd: 3, queue: 'q1' }], {
  process: { uid: 107, userName: 'libvirt-qemu' },
  workload: {
    kind: { $case: 'virtualMachine', value: { hypervisor: 'qemu', name: 'web1', uuid: '' } },
  },
});
export const HELD = binding(FOOZ, 7, 'tap123', Verdict.VERDICT_HELD, { holders: [QEMU] });
export const UNHELD = binding(HOST, 9, 'tap123', Verdict.VERDICT_UNHELD);

export function coverage(more: DeepPartial<Coverage> = {}): Coverage {
  return Coverage.fromPartial({
    processesSeen: 10,
    netnsSeen: 2,
    finder: Finder.FINDER_PROC,
    scanTime: new Date('2026-01-31T12:00:00.250Z'),
    scanDuration: { seconds: 1n, nanos: 500_000_000 },
    ...more,
  });
}

export function summary(more: DeepPartial<Coverage> = {}): ListSummary {
  return ListSummary.fromPartial({
    epoch: 'e1',
    revision: 9007199254740993n,
    resumeToken: 'e1.5',
    coverage: coverage(more),
  });
}
