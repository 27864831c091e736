/** Which triggers this kernel and these rights allow, for `tapmap doctor`. */
import type { Ability } from '../inspect/ability.js';
import type { Host } from '../inspect/host.js';
import { isNode } from '../inspect/nodes.js';
import { TRIGGER_NAMES, TRIGGERS } from './trigger-kinds.js';
import { Triggers } from './triggers.js';

export function triggerAbilities(host: Host): Ability[] {
  const { procRoot, ownNetns, ownPid } = host;
  const nothing = () => undefined;
  const triggers = new Triggers({
    procRoot,
    ownNetns,
    ownPid,
    isNode: (major, minor) => isNode(host, major, minor),
    changes: {
      process: nothing,
      opened: nothing,
      link: nothing,
      netns: nothing,
      netnsGone: nothing,
      everything: nothing,
    },
    lost: nothing,
    without: new Set(),
  });
  const { states } = triggers;
  triggers.close();
  return TRIGGER_NAMES.map((name, i) => {
    const { purpose, cost } = TRIGGERS[name];
    const { missing } = states[i]!;
    return { name, purpose, available: missing === '', cost, remedy: missing };
  });
}
