/**
 * What CRI-O and Podman know of a container, in the storage that they share. CRI-O: annotations of the OCI
 * configuration in its run directory (pkg/annotations/annotations.go of CRI-O). Podman: the names
 * in the lists of the storage (containers.go of containers/storage), one for containers that go with the
 * end of their process.
 */
import { z } from 'zod';
import type { ContainerNames } from './container-names.js';
import { jsonOf, label, nameOf, nameText, pathText } from './json-state.js';
import type { Presence, StateFiles } from './state-files.js';

const RUN = '/run/containers/storage/overlay-containers';
const STORAGE = '/var/lib/containers/storage/overlay-containers';
const LISTS = ['containers.json', 'volatile-containers.json'];

const NOT_TOLD = { cgroupsPath: null, name: '', podUid: '', podName: '', podNamespace: '' };

export function readCrioState(files: StateFiles, id: string): ContainerNames | null {
  const told = files.read(RUN, `${id}/userdata/config.json`, parseCrioConfiguration);
  return told?.id === id ? told : null;
}

/** Where the engine says that it put a container of Podman; null when it does not say. */
export function readPodmanPlace(files: StateFiles, id: string): string | null {
  return files.read(RUN, `${id}/userdata/config.json`, parsePodmanConfiguration);
}

export function readPodmanState(files: StateFiles, id: string): ContainerNames | null {
  for (const list of LISTS) {
    const name = files.read(STORAGE, list, parseStorageList)?.get(id);
    if (name !== undefined) return { ...NOT_TOLD, id, name };
  }
  return null;
}

export function storagePresence(files: StateFiles, id: string): Presence {
  if (readPodmanState(files, id) !== null) return 'there';
  const [storage, run] = [files.presence(STORAGE, id), files.presence(RUN, id)];
  return storage === 'absent' ? run : storage;
}

const configuration = z.object({
  annotations: z.record(z.string(), z.unknown()).nullish(),
  linux: z.object({ cgroupsPath: pathText.optional() }).nullish(),
});

/** Throws at what is not of the format. */
export function parseCrioConfiguration(bytes: Buffer): ContainerNames {
  const { annotations: told, linux } = configuration.parse(jsonOf(bytes));
  const annotations = told ?? {};
  // Labels of the container, as one annotation; of the pod itself, the pod's.
  const labels = recordOf(annotations['io.kubernetes.cri-o.Labels']);
  const isPod = label(annotations, 'io.kubernetes.cri-o.ContainerType') === 'sandbox';
  return {
    id: label(annotations, 'io.kubernetes.cri-o.ContainerID'),
    cgroupsPath: linux?.cgroupsPath ?? null,
    name: isPod ? '' : label(labels, 'io.kubernetes.container.name'),
    podUid: label(labels, 'io.kubernetes.pod.uid'),
    podName: label(labels, 'io.kubernetes.pod.name'),
    podNamespace: label(labels, 'io.kubernetes.pod.namespace'),
  };
}

/** Throws at what is not of the format. */
export function parsePodmanConfiguration(bytes: Buffer): string | null {
  return configuration.parse(jsonOf(bytes)).linux?.cgroupsPath ?? null;
}

function recordOf(json: unknown): Readonly<Record<string, unknown>> {
  if (typeof json !== 'string' || json === '') return {};
  return z.record(z.string(), z.unknown()).parse(JSON.parse(json));
}

const list = z.array(z.object({ id: nameText, names: z.array(nameText).nullish() }));

/** Names by id. Throws at what is not of the format. */
export function parseStorageList(bytes: Buffer): ReadonlyMap<string, string> {
  return new Map(list.parse(jsonOf(bytes)).map(({ id, names }) => [id, nameOf(names?.[0])]));
}
