/**
 * About how many bytes a binding takes when encoded, without encoding it: for ASCII text never
 * less, and little more. It decides where one message ends and the next begins.
 */
import type { Netns, Process, TapBinding, Workload } from '../gen/tapmap/v1/tap_binding.js';

/** Tags, lengths and numbers of fixed size at their longest. */
const BINDING = 220;
const STATISTICS = 90;
const NETNS = 46;
const PROCESS = 90;
const WORKLOAD = 40;
const HOLDER = 16;
const HOLDER_FD = 48;
/** Tag and length of one element of a list of texts, of up to 2 MiB. */
const TEXT = 5;

export function bindingSize(binding: TapBinding): number {
  let size = BINDING + binding.name.length + binding.node.length;
  const { device, lastHolder } = binding;
  if (device !== undefined) {
    size += device.name.length + device.hardwareAddress.length + device.alias.length;
    size += netnsSize(device.netns) + (device.master?.name.length ?? 0);
    if (device.statistics !== undefined) size += STATISTICS;
  }
  for (const { process, workload, fds } of binding.holders) {
    size += HOLDER + processSize(process) + workloadSize(workload);
    for (const fd of fds) size += HOLDER_FD + fd.queue.length + netnsSize(fd.openedIn);
  }
  for (const { detail } of binding.hints) size += HOLDER + 2 * TEXT + detail.length;
  for (const { detail } of binding.reasons) size += HOLDER + detail.length;
  if (lastHolder !== undefined) {
    size += HOLDER + processSize(lastHolder.process) + workloadSize(lastHolder.workload);
  }
  return size;
}

function netnsSize(netns: Netns | undefined): number {
  return netns === undefined ? 0 : NETNS + netns.comm.length + textsSize(netns.paths);
}

function processSize(process: Process | undefined): number {
  if (process === undefined) return 0;
  const { comm, executable, cgroup } = process;
  return (
    PROCESS +
    comm.length +
    executable.length +
    cgroup.length +
    textsSize(process.commandLine) +
    process.nsPids.length * TEXT +
    netnsSize(process.netns)
  );
}

function workloadSize(workload: Workload | undefined): number {
  const kind = workload?.kind;
  if (kind === undefined) return 0;
  let size = WORKLOAD;
  for (const text of Object.values(kind.value) as string[]) size += text.length;
  return size;
}

function textsSize(texts: readonly string[]): number {
  let size = 0;
  for (const text of texts) size += TEXT + text.length;
  return size;
}
