// What docs/metrics.md says there is.
import { readFileSync } from 'node:fs';

export interface Documented {
  readonly name: string;
  readonly type?: string;
  readonly labels?: readonly string[];
}

const PAGE = new URL('../../docs/metrics.md', import.meta.url);
/** `| \`tapmap_x\` | gauge | \`a\`, \`b\` | meaning |` */
const OWN = /^\| `(tapmap_\w+)` +\| (\w+) +\| ([^|]*)\|/;
const OF_NODE = /^\| `((?:process|nodejs)_\w+)` +\|/;

/** Ordered by name. */
export function documentedMetrics(): readonly Documented[] {
  const rows = readFileSync(PAGE, 'utf8')
    .split('\n')
    .flatMap((line): Documented[] => {
      const [, name, type, labels = ''] = OWN.exec(line) ?? [];
      if (name !== undefined && type !== undefined) {
        return [
          { name, type, labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label!) },
        ];
      }
      const [, ofNode] = OF_NODE.exec(line) ?? [];
      return ofNode === undefined ? [] : [{ name: ofNode }];
    });
  return rows.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
