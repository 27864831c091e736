/**
 * Tells a systemd unit from the path of a control group. Source: systemd.slice(5), systemd.scope(5)
 * and the layout that systemd's cg_path_get_unit reads.
 */
import type { ControlGroup } from '../kernel/proc-pid-cgroup.js';
import type { SystemdUnit } from '../model/holder.js';

/**
 * The unit by the hierarchies that systemd keeps: the unified one and `name=systemd`, which agree for what
 * it started. Where another has moved a process in one of them, it is no longer known to be the unit's.
 */
export function unitOf(controlGroups: readonly ControlGroup[]): SystemdUnit | null {
  const paths = controlGroups
    .filter(({ controllers }) => controllers === '' || controllers === 'name=systemd')
    .map(({ path }) => path)
    .filter((path) => path !== '/');
  const [unit = null, ...others] = paths.map(unitOfPath);
  const agree = others.every((other) => other?.unit === unit?.unit && other?.slice === unit?.slice);
  return agree ? unit : null;
}

/**
 * The innermost service of the path, with its slice. Scopes belong to whoever made them (a session, a
 * container engine) and are not told as units.
 */
export function unitOfPath(path: string): SystemdUnit | null {
  const parts = path.split('/');
  const at = parts.findLastIndex((part) => part.endsWith('.service'));
  const unit = parts[at];
  if (unit === undefined) return null;
  const [above, below] = [parts.slice(0, at), parts.slice(at + 1)];
  // Below a scope or a container's group, a service may be one of another service manager.
  if (above.some((part) => part !== '' && !part.endsWith('.slice'))) return null;
  if (below.some(isOfAnother)) return null;
  const slice = above.findLast((part) => part.endsWith('.slice')) ?? '';
  return { kind: 'systemdUnit', unit: unescapeUnit(unit), slice: unescapeUnit(slice) };
}

/**
 * Whether a group inside a service is not that service's own: of a service manager that is the service,
 * such as `user@1000.service`, or of a container, which engines without systemd put below themselves.
 */
function isOfAnother(group: string): boolean {
  return /\.(?:slice|scope)$|[0-9a-f]{64}/.test(group);
}

/** A name that the kernel could take for one of its own files is prefixed with `_`. */
function unescapeUnit(name: string): string {
  return name.startsWith('_') ? name.slice(1) : name;
}
