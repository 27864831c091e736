/**
 * Containers of Docker, containerd, CRI-O and Podman: from the path of a control group, with the names that
 * their state directories tell.
 */
import type { Container } from '../model/holder.js';
import { containerGroups, type ContainerGroup } from './container-group.js';
import type { ContainerNames } from './container-names.js';
import {
  readCrioState,
  readPodmanPlace,
  readPodmanState,
  storagePresence,
} from './container-storage-state.js';
import { readContainerdStates, type ContainerdNames } from './containerd-state.js';
import { dockerPresence, readDockerState } from './docker-state.js';
import type { Presence, StateFiles } from './state-files.js';

/** A container, and the control group that it is. */
export interface PlacedContainer {
  readonly container: Container;
  readonly path: string;
}

/** The innermost one that is proven. */
export function engineContainer(files: StateFiles, path: string): PlacedContainer | null {
  for (const group of containerGroups(path)) {
    const container = provenContainer(files, group);
    if (container !== null) return { container, path: group.path };
  }
  return null;
}

function provenContainer(files: StateFiles, group: ContainerGroup): Container | null {
  const { id, podUid, namedBy } = group;
  if (namedBy !== 'host') {
    if (group.runtime === 'podman' && readPodmanPlace(files, id) === group.path) {
      return containerOf(group, 'podman', readPodmanState(files, id));
    }
    // What a user calls a container of theirs is believed, unless it is a container of the host's.
    if (namedBy === 'other' || !isUnknownToEngines(files, id)) return null;
    return containerOf({ ...group, podUid: '' }, group.runtime, null);
  }
  switch (group.runtime) {
    case 'docker':
      return containerOf(group, 'docker', readDockerState(files, id));
    case 'containerd':
      return containerOf(group, 'containerd', containerdNames(files, group));
    case 'cri-o':
      return containerOf(group, 'cri-o', readCrioState(files, id));
    case 'podman':
      return containerOf(group, 'podman', readPodmanState(files, id));
    case '': {
      const docker = readDockerState(files, id);
      if (docker !== null && isOfPod(docker, podUid)) return containerOf(group, 'docker', docker);
      const containerd = containerdNames(files, group);
      if (containerd?.namespace === DOCKERS_NAMESPACE) return containerOf(group, 'docker', null);
      return containerOf(group, containerd === null ? '' : 'containerd', containerd);
    }
  }
}

function containerOf(
  group: ContainerGroup,
  runtime: string,
  names: ContainerNames | null,
): Container {
  const { id, podUid } = group;
  const container = { kind: 'container', runtime, id } as const;
  // What is told of a container of another pod is not of this one.
  if (names === null || !isOfPod(names, podUid)) {
    return { ...container, name: '', podUid, podName: '', podNamespace: '' };
  }
  const { name, podName, podNamespace } = names;
  return { ...container, name, podUid: podUid || names.podUid, podName, podNamespace };
}

function isOfPod(names: ContainerNames, podUid: string): boolean {
  return podUid === '' || names.podUid === '' || names.podUid === podUid;
}

/** Docker runs its containers by containerd, in this namespace. */
const DOCKERS_NAMESPACE = 'moby';

/** Ids are containerd's own in each namespace: the one that was put there. */
function containerdNames(files: StateFiles, group: ContainerGroup): ContainerdNames | null {
  const states = readContainerdStates(files, group.id) ?? [];
  const here = states.filter(({ cgroupsPath }) => isPlace(cgroupsPath ?? '', group.path));
  return here.length === 1 ? here[0]! : null;
}

/**
 * Whether `cgroupsPath` of an OCI configuration leads to the group `path`: a path, which an engine may take
 * to be below its own group, or `SLICE:PREFIX:NAME` for systemd's driver of runc.
 */
function isPlace(cgroupsPath: string, path: string): boolean {
  const [, prefix, name, ...rest] = cgroupsPath.split(':');
  if (prefix === undefined || name === undefined || rest.length > 0) {
    return cgroupsPath.startsWith('/') && path.endsWith(cgroupsPath);
  }
  return path.endsWith(`/${prefix}-${name}.scope`) || path.endsWith(`/${cgroupsPath}`);
}

/** Whether no engine of the host has such a container. */
function isUnknownToEngines(files: StateFiles, id: string): boolean {
  const containerd = readContainerdStates(files, id);
  const known: Presence[] = [
    dockerPresence(files, id),
    storagePresence(files, id),
    containerd === null ? 'unknown' : containerd.length > 0 ? 'there' : 'absent',
  ];
  return known.every((presence) => presence === 'absent');
}
