/** Which process stands for a network namespace that people have no path for, and what it belongs to. */
import type { Netns } from '../model/device.js';
import type { Workload } from '../model/holder.js';
import type { Host } from './host.js';
import { isGone, isRefused } from './kernel-answers.js';
import { withPinnedProcess } from './pinned-process.js';
import { readProcess, type ProcessFacts } from './process-facts.js';

export type Inhabitant = Pick<Netns, 'pid' | 'comm' | 'container'>;

export const NOBODY: Inhabitant = { pid: null, comm: '', container: '' };

/**
 * The first of them that still lives in the namespace. With `workloadOf`, the container it is in is
 * told, too.
 */
export function inhabitantOf(
  host: Host,
  inode: number,
  pids: readonly number[],
  workloadOf: ((process: ProcessFacts) => Workload | null) | null,
): Inhabitant {
  for (const pid of pids) {
    const inhabitant = livingIn(host, inode, pid, workloadOf);
    if (inhabitant !== null) return inhabitant;
  }
  return NOBODY;
}

/** Null when the process has ended since it was counted, or has left. */
function livingIn(
  host: Host,
  inode: number,
  pid: number,
  workloadOf: ((process: ProcessFacts) => Workload | null) | null,
): Inhabitant | null {
  try {
    return withPinnedProcess(host, pid, null, (process) => {
      if (host.linux.statusOfPath(`${process.directory}/ns/net`).inode !== inode) return null;
      const workload = workloadOf === null ? null : workloadOf(readProcess(host, process));
      return { pid, comm: process.stat.comm, container: containerName(workload) };
    });
  } catch (error) {
    if (isGone(error)) return null;
    // No pidfds here: it was there when it was counted.
    if (isRefused(error)) return { pid, comm: '', container: '' };
    throw error;
  }
}

/** As much of an id as engines show. */
const SHORT_ID = 12;

function containerName(workload: Workload | null): string {
  const container = workload?.kind === 'virtualMachine' ? workload.container : workload;
  if (container?.kind !== 'container') return '';
  const { podName, name, id } = container;
  return [podName, name, id.slice(0, SHORT_ID)].find((text) => text !== '') ?? '';
}
