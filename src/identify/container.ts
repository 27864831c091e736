/** The container that a process is in, from all that its control groups tell. */
import type { ControlGroup } from '../kernel/proc-pid-cgroup.js';
import type { Container } from '../model/holder.js';
import { groupsOf } from './container-group.js';
import { readContainerdStateAt } from './containerd-state.js';
import { engineContainer, type PlacedContainer } from './engine-container.js';
import { lxcContainer } from './lxc-state.js';
import { nspawnContainer } from './machined-state.js';
import type { RuntimeContainers } from './oci-runtime-state.js';
import type { StateFiles } from './state-files.js';

/** Null when it is in none, or in which one is not certain. */
export function containerOf(
  files: StateFiles,
  runtimes: RuntimeContainers,
  controlGroups: readonly ControlGroup[],
): Container | null {
  const paths = new Set(controlGroups.map(({ path }) => path).filter((path) => path !== '/'));
  const found = [...paths].flatMap((path) => placedContainer(files, path) ?? []);
  if (found.length > 0) return innermost(found);
  return innermost(
    runtimes.at(controlGroups).map(({ runtime, id, path }) => placed(runtime, id, path)),
  );
}

function placedContainer(files: StateFiles, path: string): PlacedContainer | null {
  return (
    engineContainer(files, path) ??
    lxcContainer(files, path) ??
    nspawnContainer(files, path) ??
    containerdContainer(files, path)
  );
}

function containerdContainer(files: StateFiles, path: string): PlacedContainer | null {
  const [namespace, id] = groupsOf(path) ?? [];
  if (namespace === undefined || id === undefined) return null;
  const names = readContainerdStateAt(files, namespace, id);
  if (names === null) return null;
  const { name, podUid, podName, podNamespace } = names;
  const container = placed('containerd', id, `/${namespace}/${id}`);
  return {
    ...container,
    container: { ...container.container, name, podUid, podName, podNamespace },
  };
}

function placed(runtime: string, id: string, path: string): PlacedContainer {
  const names = { name: '', podUid: '', podName: '', podNamespace: '' };
  return { container: { kind: 'container', runtime, id, ...names }, path };
}

/**
 * An engine may have put a process into some hierarchies only, and one in a container into others: then one
 * group is below the other. Two that are beside each other are a contradiction.
 */
function innermost(found: readonly PlacedContainer[]): Container | null {
  const deepest = found.toSorted((a, b) => b.path.length - a.path.length)[0];
  if (deepest === undefined) return null;
  const agree = found.every(
    ({ container, path }) =>
      deepest.path.startsWith(`${path}/`) ||
      (container.runtime === deepest.container.runtime && container.id === deepest.container.id),
  );
  return agree ? deepest.container : null;
}
