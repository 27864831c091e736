/**
 * About how many bytes a binding takes when encoded, without encoding it: for ASCII text never
 * less, and little more. It decides where one message ends and the next begins.
 */
import type {
  Container,
  Netns,
  Process,
  TapBinding,
  Workload,
} from '../gen/tapmap/v1/tap_binding.js';

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
  return netns === undefined
    ? 0
    : NETNS + netns.comm.length + netns.container.length + textsSize(netns.paths);
}

function processSize(process: Process | undefined): number {
  if (process === undefined) return 0;
  const { comm, executable, cgroup, userName } = process;
  return (
    PROCESS +
    comm.length +
    executable.length +
    cgroup.length +
    userName.length +
    textsSize(process.commandLine) +
    process.nsPids.length * TEXT +
    netnsSize(process.netns)
  );
}

function workloadSize(workload: Workload | undefined): number {
  const kind = workload?.kind;
  if (kind === undefined) return 0;
  switch (kind.$case) {
    case 'container':
      return containerSize(kind.value);
    case 'virtualMachine': {
      const { hypervisor, name, uuid, container } = kind.value;
      return WORKLOAD + hypervisor.length + name.length + uuid.length + containerSize(container);
    }
    case 'systemdUnit':
      return WORKLOAD + kind.value.unit.length + kind.value.slice.length;
  }
}

function containerSize(container: Container | undefined): number {
  if (container === undefined) return 0;
  const { runtime, id, name, podUid, podName, podNamespace } = container;
  return (
    WORKLOAD +
    runtime.length +
    id.length +
    name.length +
    podUid.length +
    podName.length +
    podNamespace.length
  );
}

function textsSize(texts: readonly string[]): number {
  let size = 0;
  for (const text of texts) size += TEXT + text.length;
  return size;
}
