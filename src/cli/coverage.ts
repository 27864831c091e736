/** What could not be seen, for people: never left out silently. */
import type { Coverage } from '../gen/tapmap/v1/coverage.js';
import { printable } from './escape.js';
import { triggerWord } from './words.js';

const DETAILS = 5;

/** One line each, without a closing period; none when everything could be looked at. */
export function coverageNotices(coverage: Coverage | undefined): string[] {
  if (coverage === undefined) return ['the server does not say what it could not see'];
  const {
    stale,
    processesDenied,
    deniedProcesses,
    netnsDenied,
    deniedNetns,
    triggers,
    degraded,
    scanInterval,
    redactedFields,
  } = coverage;
  const notices: string[] = [];
  if (stale !== undefined) {
    const since = stale.since === undefined ? '' : ` since ${stale.since.toISOString()}`;
    notices.push(`not live${since}, this is what was last seen: ${stale.reason}`);
  }
  if (processesDenied > 0) {
    const which = details(deniedProcesses.map(({ pid, errno }) => [errno, `${pid}`]));
    notices.push(
      `${plural(processesDenied, 'process', 'processes')} could not be looked at${which}: ` +
        `what ${processesDenied === 1 ? 'it holds' : 'they hold'} is not known`,
    );
  }
  if (netnsDenied > 0) {
    const which = details(deniedNetns.map(({ inode, errno }) => [errno, inode.toString()]));
    notices.push(
      `${plural(netnsDenied, 'network namespace', 'network namespaces')} could not be looked into` +
        `${which}: ${netnsDenied === 1 ? 'its' : 'their'} devices are not shown`,
    );
  }
  if (redactedFields.length > 0) {
    notices.push("command lines are withheld by the server's access policy");
  }
  const lacking = triggers.filter(({ missing }) => missing !== '');
  if (lacking.length > 0) {
    const which = lacking.map(({ kind }) => triggerWord(kind)).join(', ');
    notices.push(
      `without ${which} changes may be seen ${lateness(scanInterval)} late, by scans only`,
    );
  }
  for (const { missing, cost, remedy } of degraded) {
    notices.push(`without ${missing}: ${cost}${remedy === '' ? '' : ` (${remedy})`}`);
  }
  return notices.map(printable);
}

function lateness(interval: Coverage['scanInterval']): string {
  if (interval === undefined) return 'some time';
  return `${(Number(interval.seconds) + interval.nanos / 1e9).toFixed(1)} s`;
}

export function plural(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** ` (EACCES: 12, 15, …)` from pairs of error and what it happened to. */
function details(pairs: readonly (readonly [string, string])[]): string {
  if (pairs.length === 0) return '';
  const byErrno = new Map<string, string[]>();
  for (const [errno, what] of pairs) byErrno.set(errno, [...(byErrno.get(errno) ?? []), what]);
  const text = [...byErrno].map(([errno, all]) => {
    const more = all.length > DETAILS ? ', …' : '';
    return `${errno}: ${all.slice(0, DETAILS).join(', ')}${more}`;
  });
  return ` (${text.join('; ')})`;
}
