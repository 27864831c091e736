/** Holders, and what they are made of, as messages. */
import type {
  Container as ContainerMessage,
  Holder as HolderMessage,
  HolderFd as HolderFdMessage,
  Netns as NetnsMessage,
  Process as ProcessMessage,
  Workload as WorkloadMessage,
} from '../gen/tapmap/v1/tap_binding.js';
import type { Netns } from '../model/device.js';
import type { Container, Holder, HolderFd, Process, Workload } from '../model/holder.js';
import { EVIDENCE } from './enums.js';
import type { View } from './view.js';

/** `room` is how many characters of the command line are told. */
export function holderMessage(
  { process, workload, fds }: Holder,
  view: View,
  room: number,
): HolderMessage {
  return {
    process: processMessage(process, view, room),
    workload: workload === null ? undefined : workloadMessage(workload),
    fds: fds.map(holderFdMessage),
  };
}

export function processMessage(process: Process, view: View, room = Infinity): ProcessMessage {
  return {
    pid: process.pid,
    startTime: BigInt(process.startTime),
    ppid: process.ppid,
    comm: process.comm,
    executable: process.executable,
    commandLine: view === 'FULL' ? cutTo(room, process.commandLine) : [],
    uid: process.uid,
    userName: process.userName,
    gid: process.gid,
    nsPids: mutable(process.nsPids),
    netns: process.netns === null ? undefined : netnsMessage(process.netns),
    cgroup: process.cgroup,
  };
}

/** As /proc/PID/cmdline is cut where it is read. */
function cutTo(room: number, commandLine: readonly string[]): string[] {
  const told: string[] = [];
  let left = room;
  for (const argument of commandLine) {
    if (argument.length > left) return [...told, `${argument.slice(0, left)}…`];
    told.push(argument);
    left -= argument.length;
  }
  return told;
}

export function workloadMessage(workload: Workload): WorkloadMessage {
  switch (workload.kind) {
    case 'container':
      return { kind: { $case: 'container', value: containerMessage(workload) } };
    case 'virtualMachine': {
      const { hypervisor, name, uuid } = workload;
      const container =
        workload.container === null ? undefined : containerMessage(workload.container);
      return { kind: { $case: 'virtualMachine', value: { hypervisor, name, uuid, container } } };
    }
    case 'systemdUnit': {
      const { unit, slice } = workload;
      return { kind: { $case: 'systemdUnit', value: { unit, slice } } };
    }
  }
}

function containerMessage(container: Container): ContainerMessage {
  const { runtime, id, name, podUid, podName, podNamespace } = container;
  return { runtime, id, name, podUid, podName, podNamespace };
}

export function netnsMessage(netns: Netns): NetnsMessage {
  return {
    inode: BigInt(netns.inode),
    cookie: netns.cookie === null ? 0n : BigInt(netns.cookie),
    paths: mutable(netns.paths),
    initial: netns.initial,
    pid: netns.pid ?? undefined,
    comm: netns.comm,
    container: netns.container,
  };
}

function holderFdMessage(fd: HolderFd): HolderFdMessage {
  return {
    fd: fd.fd,
    tid: fd.tid ?? undefined,
    queue: fd.queue,
    detached: fd.detached,
    openedIn: fd.openedIn === null ? undefined : netnsMessage(fd.openedIn),
    evidence: EVIDENCE[fd.evidence],
    candidates: fd.candidates,
  };
}

/** Generated types have mutable lists; nothing here changes a message, so that no copy is needed. */
function mutable<T>(list: readonly T[]): T[] {
  return list as T[];
}
