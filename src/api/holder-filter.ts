/** The fields of a filter that are about a holder: one and the same holder must match them all. */
import type { TapBindingFilter } from '../gen/tapmap/v1/tap_binding_service.js';
import type { Container, Holder, Workload } from '../model/holder.js';
import type { Violate } from './filter-field.js';
import { parseGlob } from './filter-field.js';

export type HolderTest = (holder: Holder) => boolean;

/** Shorter prefixes of a container id may well be of several. */
const CONTAINER_ID_PREFIX_MIN = 12;

/** Largest process id of Linux: pid_t is an int. */
const PID_MAX = 0x7fff_ffff;

/** None when `filter` says nothing about a holder. */
export function holderTests(filter: TapBindingFilter, violate: Violate): HolderTest[] {
  return [...processTests(filter, violate), ...workloadTests(filter)];
}

function processTests(filter: TapBindingFilter, violate: Violate): HolderTest[] {
  const { pid, uid, comm } = filter;
  const tests: HolderTest[] = [];
  if (pid !== 0) {
    if (pid > PID_MAX) violate('pid', `is larger than any process id (${PID_MAX})`);
    tests.push(({ process }) => process.pid === pid);
  }
  if (uid !== undefined) tests.push(({ process }) => process.uid === uid);
  if (comm !== '') {
    const matches = parseGlob('comm', comm, violate);
    tests.push(({ process }) => matches(process.comm));
  }
  return tests;
}

function workloadTests(filter: TapBindingFilter): HolderTest[] {
  const { containerId, podUid, vmName, systemdUnit } = filter;
  const tests: ((workload: Workload) => boolean)[] = [];
  if (containerId !== '') {
    const isPrefix = containerId.length >= CONTAINER_ID_PREFIX_MIN;
    tests.push((workload) => {
      const id = containerOf(workload)?.id;
      return id !== undefined && (isPrefix ? id.startsWith(containerId) : id === containerId);
    });
  }
  if (podUid !== '') {
    tests.push((workload) => containerOf(workload)?.podUid === podUid);
  }
  if (vmName !== '') {
    tests.push((workload) => workload.kind === 'virtualMachine' && workload.name === vmName);
  }
  if (systemdUnit !== '') {
    tests.push((workload) => workload.kind === 'systemdUnit' && workload.unit === systemdUnit);
  }
  return tests.map(
    (test) =>
      ({ workload }) =>
        workload !== null && test(workload),
  );
}

/** The container that it is, or that its hypervisor runs in. */
function containerOf(workload: Workload): Container | null {
  if (workload.kind === 'container') return workload;
  return workload.kind === 'virtualMachine' ? workload.container : null;
}
