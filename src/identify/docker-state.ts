/**
 * What Docker knows of a container: `/var/lib/docker/containers/ID/config.v2.json`, which is the struct
 * Container of moby's container/container.go. Containers that kubelet makes through cri-dockerd
 * have the labels of its libdocker/ and core/.
 */
import { z } from 'zod';
import type { ContainerNames } from './container-names.js';
import { jsonOf, label, nameText } from './json-state.js';
import type { Presence, StateFiles } from './state-files.js';

const DIRECTORY = '/var/lib/docker/containers';

const state = z.object({
  ID: nameText,
  Name: nameText.optional(),
  Config: z.object({ Labels: z.record(z.string(), z.unknown()).nullish() }).nullish(),
});

/** Null when it has no such container, or it is not to be read. */
export function readDockerState(files: StateFiles, id: string): ContainerNames | null {
  const told = files.read(DIRECTORY, `${id}/config.v2.json`, parseDockerState);
  return told?.id === id ? told : null;
}

export function dockerPresence(files: StateFiles, id: string): Presence {
  return files.presence(DIRECTORY, id);
}

/** Throws at what is not of the format. */
export function parseDockerState(bytes: Buffer): ContainerNames {
  const { ID, Name = '', Config } = state.parse(jsonOf(bytes));
  const labels = Config?.Labels ?? {};
  return {
    id: ID,
    cgroupsPath: null,
    // The name has a slash before it: it once was the path of a link.
    name: label(labels, 'io.kubernetes.container.name') || Name.replace(/^\//, ''),
    podUid: label(labels, 'io.kubernetes.pod.uid'),
    podName: label(labels, 'io.kubernetes.pod.name'),
    podNamespace: label(labels, 'io.kubernetes.pod.namespace'),
  };
}
