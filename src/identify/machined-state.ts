/**
 * What systemd-machined knows of a container or machine: `/run/systemd/machines/NAME`, lines of KEY=VALUE. Source:
 * machine_save() of src/machine/machine.c of systemd. `SCOPE` is the unit, a service too.
 */
import { groupsOf } from './container-group.js';
import type { PlacedContainer } from './engine-container.js';
import type { StateFiles } from './state-files.js';
import { unescapeUnitName } from './unit-name.js';

const DIRECTORY = '/run/systemd/machines';

interface Machine {
  readonly unit: string;
  readonly service: string;
  readonly class: string;
}

/**
 * A container of systemd-nspawn, in `machine-NAME.scope` or `systemd-nspawn@NAME.service`. In the group
 * `supervisor`, and in a service outside of `payload`, is systemd-nspawn itself (nspawn-cgroup.c).
 */
export function nspawnContainer(files: StateFiles, path: string): PlacedContainer | null {
  const groups = groupsOf(path) ?? [];
  const at = groups.findIndex((group) => !group.endsWith('.slice'));
  const unit = groups[at] ?? '';
  const named = /^(?:machine-(.+)\.scope|systemd-nspawn@(.+)\.service)$/.exec(unit);
  if (named === null) return null;
  const below = groups[at + 1];
  if (below === 'supervisor' || (unit.endsWith('.service') && below !== 'payload')) return null;
  const [, escaped, instance = ''] = named;
  // The service takes its instance as it is: `--machine=%i`.
  const name = escaped === undefined ? instance : unescapeUnitName(escaped);
  const machine = files.read(DIRECTORY, name, parseMachine);
  if (machine?.class !== 'container' || machine.service !== 'systemd-nspawn') return null;
  if (machine.unit !== unit) return null;
  const names = { podUid: '', podName: '', podNamespace: '' };
  return {
    container: { kind: 'container', runtime: 'systemd-nspawn', id: name, name, ...names },
    path: `/${groups.slice(0, at + 1).join('/')}`,
  };
}

/** Throws at what is not of the format. */
export function parseMachine(bytes: Buffer): Machine {
  const values = new Map<string, string>();
  for (const line of bytes.toString('utf8').split('\n')) {
    const at = line.indexOf('=');
    if (at > 0 && !line.startsWith('#'))
      values.set(line.slice(0, at), unescapeC(line.slice(at + 1)));
  }
  const of = (key: string): string => values.get(key) ?? '';
  return { unit: of('SCOPE'), service: of('SERVICE'), class: of('CLASS') };
}

/** cescape() of systemd, as far as it is used in the names of units: `\\` and `\xHH`. */
function unescapeC(text: string): string {
  return text.replace(/\\(?:\\|x([0-9a-f]{2}))/g, (_, hex?: string) =>
    hex === undefined ? '\\' : String.fromCharCode(Number(`0x${hex}`)),
  );
}
