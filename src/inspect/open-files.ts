/** Which descriptors share one open file: after fork, dup, or a descriptor passed over a socket. */
import { isKernelError } from '../kernel/kernel-error.js';
import type { Attachment } from './attachment.js';
import type { Host } from './host.js';
import { isGone, isRefused } from './kernel-answers.js';
import { withPinnedProcess } from './pinned-process.js';

/** Descriptors of one open file: one queue of the device. */
export type OpenFile = Attachment[];

/**
 * Groups the descriptors that are attached to one device. Copies are compared, so that nothing can
 * change under the comparison; a copy stays open only for the first descriptor of each file. kcmp
 * orders files, so n descriptors take n log n comparisons. Descriptors that have gone are left out.
 * One that cannot be copied counts as a file of its own.
 */
export function groupByOpenFile(host: Host, attachments: readonly Attachment[]): OpenFile[] {
  const [only] = attachments;
  if (only === undefined) return [];
  if (attachments.length === 1) return [[only]];
  const ordered: { copy: number; file: OpenFile }[] = [];
  const alone: OpenFile[] = [];
  try {
    for (const attachment of attachments) {
      const copy = copyOf(host, attachment);
      if (copy === 'refused') {
        alone.push([attachment]);
      } else if (copy !== 'gone') {
        place(host, ordered, copy, attachment);
      }
    }
  } finally {
    for (const { copy } of ordered) host.linux.close(copy);
  }
  return [...ordered.map(({ file }) => file), ...alone];
}

function copyOf(host: Host, attachment: Attachment): number | 'gone' | 'refused' {
  const { linux } = host;
  const { pid, tid, fd, startTime } = attachment;
  try {
    return (
      withPinnedProcess(host, pid, tid, (process) =>
        process.stat.startTime === startTime ? linux.pidfdGetfd(process.pidfd, fd) : 'gone',
      ) ?? 'gone'
    );
  } catch (error) {
    if (isGone(error)) return 'gone';
    if (isRefused(error) || isKernelError(error, 'EINVAL')) return 'refused';
    throw error;
  }
}

/** Puts the descriptor to its open file, or makes a new one at its place in the order. */
function place(
  host: Host,
  ordered: { copy: number; file: OpenFile }[],
  copy: number,
  attachment: Attachment,
): void {
  const { linux } = host;
  let low = 0;
  let high = ordered.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = ordered[middle]!;
    const order = compare(host, copy, other.copy);
    if (order === 0) {
      other.file.push(attachment);
      linux.close(copy);
      return;
    }
    if (order < 0) high = middle;
    else low = middle + 1;
  }
  ordered.splice(low, 0, { copy, file: [attachment] });
}

/** Where the kernel cannot compare, each descriptor counts as a file of its own. */
function compare(host: Host, copy: number, other: number): -1 | 0 | 1 {
  try {
    return host.linux.compareOpenFiles(copy, other);
  } catch (error) {
    if (isRefused(error)) return 1;
    throw error;
  }
}
