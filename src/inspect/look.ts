/** One look at the host: find, take the census, list links, resolve, place, look up again. No verdicts. */
import type { Attachment } from './attachment.js';
import { confirm, needsFinder } from './confirm.js';
import type { Finder } from './find.js';
import type { Finds } from './finds.js';
import type { Driver, Host } from './host.js';
import { addTunFiles, CensusTaking, type Census, type MountNamespaces } from './netns-census.js';
import { NetnsFiles } from './netns-files.js';
import { readNetnsLinks, type NetnsLinks } from './netns-links.js';
import { Pace } from './pace.js';
import { place, type Placement } from './place.js';
import type { ProcessFacts } from './process-facts.js';
import { resolveTable } from './resolve.js';
import { RouteSockets } from './route-sockets.js';
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
  const sockets = new RouteSockets(host);
  try {
    const taking = new CensusTaking(host, pace);
    const { census, mountNamespaces } = taking;
    const listed = new Listed(host, census, files);
    // Before any file is asked, so that to look up the names of these again confirms all that was asked
    // in between. A macvtap or ipvtap file tells too little for that.
    const listTuns = () =>
      listed.list((inode) => (listed.has(inode) ? [] : ['tun']), sockets, pace);
    let begun = Promise.resolve();
    const finds = await finder
      .find(host, pace, thoroughly, (tasks) => {
        begun = taking.countTasks(tasks).then(listTuns);
      })
      .finally(() => begun);
    await taking.countFinds(finds);
    await listTuns();
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
    addTunFiles(census, files);
    const drivers = host.drivers();
    const others = drivers.filter((driver) => driver !== 'tun');
    await listed.list(
      (inode) => (listed.has(inode) ? others : files.fdOf(inode) === undefined ? [] : drivers),
      null,
      pace,
    );
    const { namespaces, netnsDenied } = listed;
    for (const { deviceNetns, sight } of attachments) {
      const netns = deviceNetns === null ? sight?.attachment?.netns : undefined;
      // Its device is known to be there, and there is no way in.
      if (netns === undefined || namespaces.has(netns) || netnsDenied.has(netns)) continue;
      netnsDenied.set(netns, 'ENOENT');
    }
    const tapNodes = readTapNodes(host, attachments);
    const placed = place(attachments, namespaces, tapNodes);
    const again = needsFinder(placed) ? await finder.find(host, pace, false) : null;
    const placement = confirm(host, placed, tapNodes, again, sockets);
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
    sockets.close();
  }
}

/** Links of all namespaces of a census, listed driver by driver. */
class Listed {
  readonly namespaces = new Map<number, NetnsLinks>();
  readonly netnsDenied = new Map<number, string>();

  constructor(
    private readonly host: Host,
    private readonly census: Census,
    private readonly files: NetnsFiles,
  ) {}

  has(inode: number): boolean {
    return this.namespaces.has(inode);
  }

  /** Lists those of `driversOf` a namespace, beside what is listed already. */
  async list(
    driversOf: (inode: number) => readonly Driver[],
    sockets: RouteSockets | null,
    pace: Pace,
  ): Promise<void> {
    for (const entry of this.census.values()) {
      const drivers = driversOf(entry.inode);
      if (drivers.length === 0) continue;
      await pace.rest();
      const answer = readNetnsLinks(this.host, entry, this.files, drivers, sockets);
      if (answer === null) continue;
      if ('errno' in answer) this.netnsDenied.set(answer.inode, answer.errno);
      else this.#add(answer);
    }
  }

  #add(links: NetnsLinks): void {
    const known = this.namespaces.get(links.inode);
    this.netnsDenied.delete(links.inode);
    const devices = known === undefined ? links.devices : [...known.devices, ...links.devices];
    this.namespaces.set(links.inode, { ...links, devices });
  }
}

/** With the namespace that the finder saw it in, where /proc does not show it. */
function inNetnsOf(process: ProcessFacts, { tasks }: Finds): ProcessFacts {
  if (process.netnsInode !== null || tasks === null) return process;
  const task = tasks.find(({ tid }) => tid === process.pid);
  return { ...process, netnsInode: task?.netns ?? null };
}
