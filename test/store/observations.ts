/** Small builders of model objects, for tests that need no kernel. */
import type { Binding } from '../../src/model/binding.js';
import type { Coverage } from '../../src/model/coverage.js';
import type { Device, Netns, Statistics } from '../../src/model/device.js';
import { resourceName } from '../../src/model/device.js';
import type { Holder, HolderFd, Process, Workload } from '../../src/model/holder.js';
import type { Observation } from '../../src/model/observation.js';

export function netns(id: number, fields: Partial<Netns> = {}): Netns {
  return {
    inode: 4_026_531_840 + id,
    cookie: String(id),
    paths: [`/run/netns/ns${id}`],
    initial: id === 1,
    pid: null,
    comm: '',
    container: '',
    ...fields,
  };
}

export function statistics(rxPackets: number): Statistics {
  return {
    rxPackets,
    txPackets: 0,
    rxBytes: rxPackets * 64,
    txBytes: 0,
    rxErrors: 0,
    txErrors: 0,
    rxDropped: 0,
    txDropped: 0,
  };
}

export function process(pid: number, fields: Partial<Process> = {}): Process {
  return {
    pid,
    startTime: pid * 100,
    ppid: 1,
    comm: `comm${pid}`,
    executable: '/usr/bin/holder',
    commandLine: ['holder', '--pid', String(pid)],
    uid: 0,
    userName: `user${pid}`,
    gid: 0,
    nsPids: [pid],
    netns: netns(1),
    cgroup: '/system.slice/holder.service',
    ...fields,
  };
}

export interface HolderFields {
  readonly process?: Partial<Process>;
  readonly workload?: Workload | null;
  readonly fd?: Partial<HolderFd>;
}

/** A process that holds the device through one open file, whose queue is named after the pid. */
export function holder(pid: number, fields: HolderFields = {}): Holder {
  const fd: HolderFd = {
    fd: 3,
    tid: null,
    queue: `queue${pid}`,
    detached: false,
    openedIn: netns(1),
    evidence: 'IOCTL',
    candidates: 0,
    ...fields.fd,
  };
  return {
    process: process(pid, fields.process),
    workload: fields.workload ?? null,
    fds: [fd],
  };
}

export interface BindingFields extends Partial<Omit<Binding, 'device' | 'name'>> {
  /** Which namespace the device is in; see `netns()`. Default: 1, the initial one. */
  readonly in?: number;
  readonly device?: Partial<Device>;
}

/** A TAP device of this ifindex, unheld unless `holders` are given. */
export function binding(ifindex: number, fields: BindingFields = {}): Binding {
  const { in: namespace = 1, device: deviceFields, ...rest } = fields;
  const device: Device = {
    name: `tap${ifindex}`,
    ifindex,
    kind: 'TAP',
    netns: netns(namespace),
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
    statistics: statistics(0),
    ...deviceFields,
  };
  const holders = rest.holders ?? [];
  return {
    name: resourceName(device.netns, ifindex),
    device,
    holders,
    verdict: holders.length > 0 ? 'HELD' : 'UNHELD',
    hints: [],
    reasons: [],
    queues: { attached: holders.length, disabled: 0, found: holders.length },
    ...rest,
  };
}

export function coverage(fields: Partial<Coverage> = {}): Coverage {
  return {
    processesSeen: 10,
    processesDenied: 0,
    deniedProcesses: [],
    netnsSeen: 2,
    netnsDenied: 0,
    deniedNetns: [],
    finder: 'PROC',
    degraded: [],
    unattachedFds: 0,
    scanTime: 1_000,
    scanDuration: 12.5,
    triggers: [],
    scanInterval: 1000,
    ...fields,
  };
}

/** A full observation of these bindings. */
export function observed(
  observedAt: number,
  bindings: readonly Binding[],
  fields: Partial<Observation> = {},
): Observation {
  return { full: true, observedAt, bindings, gone: [], coverage: coverage(), ...fields };
}
