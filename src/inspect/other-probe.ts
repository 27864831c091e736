/**
 * The probe of another tapmap on this host copies descriptors as we do, and has each open for some
 * microseconds: it is no more a holder than we are. One that only calls itself so, to hide, gains
 * little: the kernel counts its queues, and they are told to be hidden.
 */
import { isKernelError } from '../kernel/kernel-error.js';
import { PROBE_TITLE } from '../model/process-title.js';
import type { Host } from './host.js';
import type { PinnedProcess } from './pinned-process.js';

export function isOtherProbe(
  host: Host,
  { stat, directory }: Pick<PinnedProcess, 'stat' | 'directory'>,
): boolean {
  if (stat.comm !== PROBE_TITLE) return false;
  const { linux } = host;
  try {
    return (
      linux.readLink(`${directory}/exe`) === process.execPath &&
      linux.readPidStatus(directory).uid === process.geteuid?.()
    );
  } catch (error) {
    if (isKernelError(error)) return false;
    throw error;
  }
}

/** False where it has ended, or may not be looked at. */
export function isPidOfOtherProbe(host: Host, pid: number): boolean {
  const directory = `${host.procRoot}/${pid}`;
  try {
    return isOtherProbe(host, { stat: host.linux.readPidStat(directory), directory });
  } catch (error) {
    if (isKernelError(error)) return false;
    throw error;
  }
}
