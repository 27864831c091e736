/** Whether the BPF finder can be had here, and if not, why and what to do about it. */
import { existsSync } from 'node:fs';
import { release } from 'node:os';
import { BPF_OBJECT, BpfIterators } from '../kernel/bpf-iterators.js';
import { effectiveCapabilities } from '../kernel/capability.js';
import { isKernelError, type KernelError } from '../kernel/kernel-error.js';
import type { Degradation } from '../model/coverage.js';

export const BPF_FINDER = 'BPF finder';

/** What it costs to do without, and what is in the way. */
export function withoutBpf(remedy: string): Degradation {
  const cost =
    'open files are found by walking /proc, which takes longer and needs the right to look at each process';
  return { missing: BPF_FINDER, cost, remedy };
}

/** Sentences without their full stops. */
export interface BpfObstacle {
  readonly reason: string;
  readonly remedy: string;
}

/** Loads the object `file`, or says what is in the way. */
export function loadBpf(file = BPF_OBJECT): BpfIterators | BpfObstacle {
  const effective = effectiveCapabilities();
  const isAllowed =
    effective.has('CAP_SYS_ADMIN') || (effective.has('CAP_BPF') && effective.has('CAP_PERFMON'));
  if (!isAllowed) {
    const remedy = 'start tapmap as root, or give its probe both';
    return { reason: 'this process lacks CAP_BPF and CAP_PERFMON', remedy };
  }
  if (!existsSync(file)) {
    const remedy = '`npm run build:bpf`, which needs clang and libbpf-dev';
    return { reason: `${file} was not built`, remedy };
  }
  try {
    return BpfIterators.load(file);
  } catch (error) {
    if (isKernelError(error)) return obstacle(error);
    throw error;
  }
}

function obstacle(error: KernelError): BpfObstacle {
  if (error.code === 'ENOENT') {
    return { reason: `${error.call} is not there`, remedy: 'install libbpf 1 (Debian: libbpf1)' };
  }
  return { reason: `the program does not load (${error.message})`, remedy: remedyFor(error) };
}

function remedyFor({ code }: KernelError): string {
  if (code === 'EPERM' || code === 'EACCES') {
    return 'it takes rights in the initial user namespace, and bpf(2) must not be forbidden by seccomp or lockdown';
  }
  if (!existsSync('/sys/kernel/btf/vmlinux')) return 'a kernel with CONFIG_DEBUG_INFO_BTF';
  return `Linux 5.8 or later; this is ${release()}`;
}
