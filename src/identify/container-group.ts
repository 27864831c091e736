/**
 * Tells containers from the path of a control group. Pure.
 *
 * Sources: the cgroup drivers of runc (libcontainer/cgroups/systemd/common.go: `PREFIX-ID.scope`),
 * Docker (daemon/oci_linux.go: `/docker/ID`, `SLICE:docker:ID`), kubelet
 * (pkg/kubelet/cm/pod_container_manager_linux.go: `kubepods/QOS/podUID`,
 * `kubepods-QOS-podUID.slice`), CRI-O (internal/config/cgmgr: `crio-ID`), Podman
 * (libpod/container_internal_linux.go: `libpod-ID`, `libpod-payload-ID`).
 */

type NamedBy = 'host' | 'user' | 'other';

export interface ContainerGroup {
  /** Empty where the path does not tell it: `kubepods/podUID/ID` may be containerd's or Docker's. */
  readonly runtime: 'docker' | 'containerd' | 'cri-o' | 'podman' | '';
  readonly id: string;
  /** Empty when it is in no pod, or the uid is of an unknown form. */
  readonly podUid: string;
  /** Path of the container's own group: processes may be in groups below it. */
  readonly path: string;
  /**
   * Who names the groups below the one above: root of the host with its engines and service manager; a
   * user, below their own manager; or somebody else, such as another container or a service that
   * systemd has left its groups to. What is not root's may bear any name, that of another's container too.
   */
  readonly namedBy: NamedBy;
}

const ID = '[0-9a-f]{64}';
const SCOPE = new RegExp(
  `^(docker|cri-containerd|nerdctl|crio|libpod|libpod-payload)-(${ID})\\.scope$`,
);
const GROUP = new RegExp(`^(crio|libpod|libpod-payload)-(${ID})$`);
/** What runc makes of systemd's notation where the engine told it to use plain directories. */
const NOTATION = new RegExp(`^([^:]+\\.slice):(docker|cri-containerd|crio):(${ID})$`);
const BARE = new RegExp(`^${ID}$`);

const RUNTIMES: Readonly<Record<string, ContainerGroup['runtime']>> = {
  docker: 'docker',
  'cri-containerd': 'containerd',
  nerdctl: 'containerd',
  crio: 'cri-o',
  libpod: 'podman',
  'libpod-payload': 'podman',
};

/** All that the path shows, the innermost first. */
export function containerGroups(path: string): ContainerGroup[] {
  const groups = groupsOf(path);
  if (groups === null) return [];
  const found: ContainerGroup[] = [];
  let namedBy: NamedBy = 'host';
  groups.forEach((group, at) => {
    const container = containerAt(groups, group, at);
    if (container !== null) {
      const path = `/${groups.slice(0, at + 1).join('/')}`;
      found.unshift({ ...container, path, namedBy });
      namedBy = 'other';
    } else if (namedBy === 'host' && !isHosts(group)) {
      namedBy = /^user@[0-9]+\.service$/.test(group) ? 'user' : 'other';
    }
  });
  return found;
}

/**
 * The names along a path. Null when there is nothing to tell from it: the group was removed, or is seen
 * from a control group namespace that it is not in, in which groups above it have no names.
 */
export function groupsOf(path: string): string[] | null {
  if (!path.startsWith('/') || path.endsWith(' (deleted)')) return null;
  const groups = path.split('/').slice(1);
  return groups.every((group) => group !== '' && group !== '..') ? groups : null;
}

function containerAt(
  groups: readonly string[],
  group: string,
  at: number,
): Pick<ContainerGroup, 'runtime' | 'id' | 'podUid'> | null {
  const named = SCOPE.exec(group) ?? GROUP.exec(group);
  if (named !== null) {
    return {
      runtime: RUNTIMES[named[1]!] ?? '',
      id: named[2]!,
      podUid: podOf(groups, at - 1) ?? '',
    };
  }
  const notation = NOTATION.exec(group);
  if (notation !== null) {
    const [, slice = '', prefix = '', id = ''] = notation;
    return { runtime: RUNTIMES[prefix] ?? '', id, podUid: podOfSlice(slice) ?? '' };
  }
  if (!BARE.test(group)) return null;
  if (groups[at - 1] === 'docker') return { runtime: 'docker', id: group, podUid: '' };
  const podUid = podOf(groups, at - 1);
  return podUid === null ? null : { runtime: '', id: group, podUid };
}

/** Uid of the pod whose group it is; empty when it has another form. Null when it is no pod's group. */
function podOf(groups: readonly string[], at: number): string | null {
  const group = groups[at] ?? '';
  const ofSlice = podOfSlice(group);
  if (ofSlice !== null) return ofSlice;
  const named = /^pod(.+)$/.exec(group);
  const above = groups[at - 1] ?? '';
  const kubepods = above === 'besteffort' || above === 'burstable' ? groups[at - 2] : above;
  return named !== null && kubepods === 'kubepods' ? podUid(named[1]!) : null;
}

function podOfSlice(slice: string): string | null {
  const named = /^(?:.+-)?kubepods(?:-besteffort|-burstable)?-pod([^-]+)\.slice$/.exec(slice);
  // In the name of a slice a dash stands for another slice.
  return named === null ? null : podUid(named[1]!.replaceAll('_', '-'));
}

/** A UUID; of a pod that the node's own files define, a digest. */
function podUid(text: string): string {
  return /^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32})$/.test(text) ? text : '';
}

const ENGINES =
  /^(?:docker|containerd|crio|kubelet|k3s|k3s-agent|rke2-server|rke2-agent)\.service$/;
const PARENTS = /^(?:docker|kubepods|besteffort|burstable|kubelet|libpod_parent|pod[0-9a-f-]+)$/;

/** Whether nobody but root, and root's engines and service manager, names what is below the group. */
function isHosts(group: string): boolean {
  return group.endsWith('.slice') || ENGINES.test(group) || PARENTS.test(group);
}
