/** Which descriptors share one open file: after fork, dup, or a descriptor passed over a socket. */
import { isKernelError } from '../kernel/kernel-error.js';
import type { Attachment } from './attachment.js';
import type { Host } from './host.js';
import { isGone, isRefused } from './kernel-answers.js';
import { searchOrdered } from './kernel-order.js';
import { withPinnedProcess } from './pinned-process.js';

/** Descriptors of one open file: one queue of the device. */
export type OpenFile = Attachment[];

export interface OpenFiles {
  /** Each is another one than the others. */
  readonly files: readonly OpenFile[];
  /** Descriptors that could not be compared: of one of `files` each, or of others, one or several. */
  readonly untold: readonly Attachment[];
}

/**
 * Groups descriptors by open file. Copies are compared, so that nothing can change under the
 * comparison; a copy stays open only for the first descriptor of each file. kcmp orders files, so n
 * descriptors take n log n comparisons. Descriptors that have gone are left out.
 */
export function groupByOpenFile(host: Host, attachments: readonly Attachment[]): OpenFiles {
  const [only] = attachments;
  if (only === undefined) return { files: [], untold: [] };
  if (attachments.length === 1) return { files: [[only]], untold: [] };
  const ordered: { copy: number; file: OpenFile }[] = [];
  const untold: Attachment[] = [];
  try {
    for (const attachment of attachments) {
      const copy = copyOf(host, attachment);
      if (copy === 'gone') continue;
      if (copy === 'refused' || !place(host, ordered, copy, attachment)) untold.push(attachment);
    }
  } finally {
    for (const { copy } of ordered) host.linux.close(copy);
  }
  return sorted(
    ordered.map(({ file }) => file),
    untold,
  );
}

/** Puts what could not be compared to the files that the finder saw it to be of, where it did. */
function sorted(files: OpenFile[], uncompared: readonly Attachment[]): OpenFiles {
  const untold: Attachment[] = [];
  for (const attachment of uncompared) {
    const seen = attachment.sight?.file;
    const file = files.find((one) => seen !== undefined && seenAs(one) === seen);
    if (file !== undefined) file.push(attachment);
    else if (seen !== undefined && !files.some((one) => seenAs(one) === undefined)) {
      files.push([attachment]);
    } else untold.push(attachment);
  }
  const [alone] = untold;
  if (alone !== undefined && files.length === 0 && untold.length === 1) {
    return { files: [[alone]], untold: [] };
  }
  // The first one was put to no other: where the kernel does not compare that says nothing.
  const [first] = files;
  return first?.length === 1 && files.length === 1 && untold.length > 0
    ? { files: [], untold: [...first, ...untold] }
    : { files, untold };
}

/**
 * The same, where the kernel tells that the descriptors can be of at most so many files: of one device no
 * more than the queues that it counts.
 */
export function withAtMost({ files, untold }: OpenFiles, most: number | null): OpenFiles {
  if (most !== 1 || untold.length === 0 || files.length > 1) return { files, untold };
  return { files: [[...(files[0] ?? []), ...untold]], untold: [] };
}

function seenAs([first]: OpenFile): bigint | undefined {
  return first?.sight?.file;
}

function copyOf(host: Host, attachment: Attachment): number | 'gone' | 'refused' {
  const { linux } = host;
  const { pid, tid, fd, startTime } = attachment;
  const made: number[] = [];
  try {
    const stood = withPinnedProcess(host, pid, tid, (process) => {
      if (process.stat.startTime === startTime) made.push(linux.pidfdGetfd(process.pidfd, fd));
    });
    const [copy] = made;
    if (copy === undefined) return 'gone';
    if (stood !== null) return copy;
    // It ended right after the copy was made.
    linux.close(copy);
    return 'gone';
  } catch (error) {
    if (isGone(error)) return 'gone';
    if (isRefused(error) || isKernelError(error, 'EINVAL')) return 'refused';
    throw error;
  }
}

/**
 * Puts the descriptor to its open file, or makes a new one at its place in the order. False where the
 * kernel does not compare: then the copy is closed.
 */
function place(
  host: Host,
  ordered: { copy: number; file: OpenFile }[],
  copy: number,
  attachment: Attachment,
): boolean {
  const { linux } = host;
  try {
    const { at, isThere } = searchOrdered(ordered, (other) =>
      linux.compareOpenFiles(copy, other.copy),
    );
    if (isThere) {
      ordered[at]!.file.push(attachment);
      linux.close(copy);
    } else ordered.splice(at, 0, { copy, file: [attachment] });
    return true;
  } catch (error) {
    linux.close(copy);
    if (isRefused(error)) return false;
    throw error;
  }
}
