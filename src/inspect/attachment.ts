import type { KernelSight } from '../kernel/bpf-iterators.js';
import type { Evidence } from '../model/holder.js';
import type { Driver } from './host.js';

/** A descriptor, as the finder saw it. */
export interface Slot {
  readonly pid: number;
  readonly startTime: number;
  /** Thread whose own table it is in; null for the table of the process. */
  readonly tid: number | null;
  readonly fd: number;
}

/** A descriptor that is attached to a device, and what its open file tells of that device. */
export interface Attachment extends Slot {
  readonly driver: Driver;
  /**
   * Minor number of the node that was opened; null for tun, where it is always the same. A device that
   * moves to another network namespace may get another number, which is never higher.
   */
  readonly nodeMinor: number | null;
  /** Interface name: its bytes, one character (latin1) each. */
  readonly name: string;
  /** Layer 2; null where only the name could be learned. */
  readonly tap: boolean | null;
  readonly detached: boolean;
  /** Of the device; null where it has none, or where it is not needed to tell the device. */
  readonly hardwareAddress: string | null;
  /** Inode of the network namespace that the device is in; null as long as only the name is known. */
  readonly deviceNetns: number | null;
  /** Inode of the network namespace in which the node was opened, or null. */
  readonly openedNetns: number | null;
  /** NAME as long as `deviceNetns` is null. */
  readonly evidence: Evidence;
  /** What the finder read of the file in the kernel's structures; null from one that does not. */
  readonly sight: KernelSight | null;
}

/** Names a slot of one moment. */
export function tableSlot({ pid, tid, fd }: Omit<Slot, 'startTime'>): string {
  return `${pid}.${tid ?? ''}.${fd}`;
}

/** Names a slot, to compare it from scan to scan. */
export function slotKey({ pid, startTime, tid, fd }: Slot): string {
  return `${pid}.${startTime}.${tid ?? ''}.${fd}`;
}
