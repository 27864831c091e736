/** Who holds a device: processes, and the descriptors through which they do. */
import type { Netns } from './device.js';

/** IOCTL and BPF prove the device; NAME only matches it. */
export type Evidence = 'IOCTL' | 'BPF' | 'NAME';

export interface HolderFd {
  readonly fd: number;
  /** Thread that owns the descriptor, when it has a descriptor table of its own. */
  readonly tid: number | null;
  /**
   * Opaque id of the open file: the same id is the same open file, in whichever process. Empty where the
   * kernel does not tell which descriptors share one.
   */
  readonly queue: string;
  /** IFF_DETACH_QUEUE. */
  readonly detached: boolean;
  /** Where the device node was opened (SIOCGSKNS); null where the kernel does not tell. */
  readonly openedIn: Netns | null;
  readonly evidence: Evidence;
  /** With NAME: how many devices it may belong to; 0 otherwise. */
  readonly candidates: number;
}

/** A process; (pid, startTime) is its identity. */
export interface Process {
  readonly pid: number;
  /** Clock ticks since boot: field 22 of /proc/PID/stat. */
  readonly startTime: number;
  readonly ppid: number;
  readonly comm: string;
  readonly executable: string;
  readonly commandLine: readonly string[];
  /** Effective. */
  readonly uid: number;
  /** Name of `uid` in the host's /etc/passwd; empty when it is not there. */
  readonly userName: string;
  /** Effective. */
  readonly gid: number;
  /** From the server's pid namespace to the innermost. */
  readonly nsPids: readonly number[];
  readonly netns: Netns | null;
  readonly cgroup: string;
}

export interface Container {
  readonly kind: 'container';
  /** Empty when not known. */
  readonly runtime: string;
  readonly id: string;
  readonly name: string;
  readonly podUid: string;
  readonly podName: string;
  readonly podNamespace: string;
}

interface VirtualMachine {
  readonly kind: 'virtualMachine';
  readonly hypervisor: string;
  readonly name: string;
  readonly uuid: string;
  /** That the hypervisor runs in. */
  readonly container: Container | null;
}

export interface SystemdUnit {
  readonly kind: 'systemdUnit';
  readonly unit: string;
  readonly slice: string;
}

export type Workload = Container | VirtualMachine | SystemdUnit;

export interface Holder {
  readonly process: Process;
  readonly workload: Workload | null;
  readonly fds: readonly HolderFd[];
}
