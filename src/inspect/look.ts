/** One look at the host: find, resolve, take the census, list links, place, ask again. No verdicts. */
import type { Attachment } from './attachment.js';
import { confirm, needsFinder } from './confirm.js';
import type { Finder } from './find.js';
import type { Finds } from './finds.js';
import type { Host } from './host.js';
import { takeCensus, type Census, type MountNamespaces } from './netns-census.js';
import { NetnsFiles } from './netns-files.js';
import { readNetnsLinks, type NetnsLinks } from './netns-links.js';
import { Pace } from './pace.js';
import { place, type Placement } from './place.js';
import type { ProcessFacts } from './process-facts.js';
import { resolveTable } from './resolve.js';
import { readTapNodes } from './tap-nodes.js';

export interface Look {
  readonly finds: Finds;
  readonly census: Census;
  readonly mountNamespaces: MountNamespaces;
  /** Namespaces whose links were listed, by inode. */
  readonly namespaces: ReadonlyMap<number, NetnsLinks>;
  /** Namespaces that refused, with the symbolic errno. */
  readonly netnsDenied: ReadonlyMap<number, string>;
  /** Processes that have descriptors attached to devices, by pid. */
  readonly processes: ReadonlyMap<number, ProcessFacts>;
  readonly unattached: number;
  readonly placement: Placement;
}

/** `thoroughly`: threads that may have a table of their own are searched for again. */
export async function look(host: Host, finder: Finder, thoroughly: boolean): Promise<Look> {
  const pace = new Pace();
  const files = new NetnsFiles(host);
  try {
    const finds = await finder.find(host, pace, thoroughly);
    const attachments: Attachment[] = [];
    const processes = new Map<number, ProcessFacts>();
    let unattached = 0;
    for (const table of finds.tables) {
      await pace.rest();
      const resolved = resolveTable(host, table, files);
      for (const attachment of resolved.attachments) attachments.push(attachment);
      if (resolved.process !== null) processes.set(table.pid, inNetnsOf(resolved.process, finds));
      unattached += resolved.unattached;
      if (resolved.refused !== null) finds.denied.set(table.pid, resolved.refused);
    }
    const { census, mountNamespaces } = await takeCensus(host, finds, files, pace);
    const namespaces = new Map<number, NetnsLinks>();
    const netnsDenied = new Map<number, string>();
    for (const entry of census.values()) {
      await pace.rest();
      const answer = readNetnsLinks(host, entry, files);
      if (answer === null) continue;
      if ('errno' in answer) netnsDenied.set(answer.inode, answer.errno);
      else namespaces.set(answer.inode, answer);
    }
    for (const { deviceNetns, sight } of attachments) {
      const netns = deviceNetns === null ? sight?.attachment?.netns : undefined;
      // Its device is known to be there, and there is no way in.
      if (netns === undefined || namespaces.has(netns) || netnsDenied.has(netns)) continue;
      netnsDenied.set(netns, 'ENOENT');
    }
    const tapNodes = readTapNodes(host, attachments);
    const placed = place(attachments, namespaces, tapNodes);
    const again = needsFinder(placed) ? await finder.find(host, pace, false) : null;
    const placement = confirm(host, placed, tapNodes, again);
    return {
      finds,
      census,
      mountNamespaces,
      namespaces,
      netnsDenied,
      processes,
      unattached,
      placement,
    };
  } finally {
    files.close();
  }
}

/** With the namespace that the finder saw it in, where /proc does not show it. */
function inNetnsOf(process: ProcessFacts, { tasks }: Finds): ProcessFacts {
  if (process.netnsInode !== null || tasks === null) return process;
  const task = tasks.find(({ tid }) => tid === process.pid);
  return { ...process, netnsInode: task?.netns ?? null };
}
