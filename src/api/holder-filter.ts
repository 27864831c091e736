/** The fields of a filter that are about a holder: one and the same holder must match them all. */
import type { TapBindingFilter } from '../gen/tapmap/v1/tap_binding_service.js';
import type { Container, Holder, Workload } from '../model/holder.js';
import type { Violate } from './filter-field.js';
import { checkPid, parseGlob } from './filter-field.js';

export type HolderTest = (holder: Holder) => boolean;

/** Shorter prefixes of a container id may well be of several. */
const CONTAINER_ID_PREFIX_MIN = 12;

/** None when `filter` says nothing about a holder. */
export function holderTests(filter: TapBindingFilter, violate: Violate): HolderTest[] {
  return [...processTests(filter, violate), ...workloadTests(filter, violate)];
}

function processTests(filter: TapBindingFilter, violate: Violate): HolderTest[] {
  const { pid, uid, comm } = filter;
  const tests: HolderTest[] = [];
  if (pid !== 0) {
    checkPid('pid', pid, violate);
    tests.push(({ process }) => process.pid === pid);
  }
  if (uid !== undefined) tests.push(({ process }) => process.uid === uid);
  if (comm !== '') {
    const matches = parseGlob('comm', comm, violate);
    tests.push(({ process }) => matches(process.comm));
  }
  return tests;
}

function workloadTests(filter: TapBindingFilter, violate: Violate): HolderTest[] {
  const { containerId, podUid } = filter;
  const tests: ((workload: Workload) => boolean)[] = [];
  const byName = (
    path: string,
    glob: string,
    nameOf: (workload: Workload) => string | undefined,
  ): void => {
    if (glob === '') return;
    const matches = parseGlob(path, glob, violate);
    tests.push((workload) => {
      const name = nameOf(workload);
      // What is not known is empty, and no name.
      return name !== undefined && name !== '' && matches(name);
    });
  };
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
  byName('container_name', filter.containerName, (workload) => containerOf(workload)?.name);
  byName('pod_name', filter.podName, (workload) => containerOf(workload)?.podName);
  byName('pod_namespace', filter.podNamespace, (workload) => containerOf(workload)?.podNamespace);
  byName('vm_name', filter.vmName, (workload) =>
    workload.kind === 'virtualMachine' ? workload.name : undefined,
  );
  byName('systemd_unit', filter.systemdUnit, (workload) =>
    workload.kind === 'systemdUnit' ? workload.unit : undefined,
  );
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
