/**
 * What containerd knows of a container: its task directory
 * `/run/containerd/io.containerd.runtime.v2.task/NAMESPACE/ID`, whose `config.json` is the
 * configuration of the OCI runtime specification (seen with 1.6.20). Annotations: of Kubernetes'
 * interface, containerd's internal/cri/annotations/annotations.go; nerdctl's pkg/labels/labels.go.
 */
import { z } from 'zod';
import type { ContainerNames } from './container-names.js';
import { jsonOf, label, pathText } from './json-state.js';
import type { StateFiles } from './state-files.js';

/** Its own place, and those of k3s and RKE2, and of MicroK8s. */
const STATES = [
  '/run/containerd',
  '/run/k3s/containerd',
  '/var/snap/microk8s/common/run/containerd',
];
const TASKS = 'io.containerd.runtime.v2.task';

const configuration = z.object({
  annotations: z.record(z.string(), z.unknown()).nullish(),
  linux: z.object({ cgroupsPath: pathText.optional() }).nullish(),
});

export interface ContainerdNames extends ContainerNames {
  /** In containerd's sense. */
  readonly namespace: string;
}

/** An id may be used in several namespaces. Null when one of them is not to be seen. */
export function readContainerdStates(files: StateFiles, id: string): ContainerdNames[] | null {
  const found: ContainerdNames[] = [];
  for (const state of STATES) {
    const namespaces = files.names(`${state}/${TASKS}`);
    if (namespaces === null) return null;
    for (const namespace of namespaces) {
      const told = readContainerdState(files, state, namespace, id);
      if (told !== null) found.push(told);
    }
  }
  return found;
}

/** The container that was put at `/NAMESPACE/ID`, the place that containerd's clients choose by default. */
export function readContainerdStateAt(
  files: StateFiles,
  namespace: string,
  id: string,
): ContainerdNames | null {
  for (const state of STATES) {
    const told = readContainerdState(files, state, namespace, id);
    if (told?.cgroupsPath === `/${namespace}/${id}`) return told;
  }
  return null;
}

function readContainerdState(
  files: StateFiles,
  state: string,
  namespace: string,
  id: string,
): ContainerdNames | null {
  const file = `${namespace}/${id}/config.json`;
  const told = files.read(`${state}/${TASKS}`, file, parseContainerdState);
  return told === null ? null : { ...told, id, namespace };
}

/** Throws at what is not of the format. The id is in the path alone. */
export function parseContainerdState(bytes: Buffer): Omit<ContainerNames, 'id'> {
  const { annotations, linux } = configuration.parse(jsonOf(bytes));
  const labels = annotations ?? {};
  return {
    cgroupsPath: linux?.cgroupsPath ?? null,
    name: label(labels, 'io.kubernetes.cri.container-name') || label(labels, 'nerdctl/name'),
    podUid: label(labels, 'io.kubernetes.cri.sandbox-uid'),
    podName: label(labels, 'io.kubernetes.cri.sandbox-name'),
    podNamespace: label(labels, 'io.kubernetes.cri.sandbox-namespace'),
  };
}
