/** The columns of `list`: what each field of a line says about a device. */
import { Verdict, type Holder, type TapBinding } from '../gen/tapmap/v1/tap_binding.js';
import { printable, printableWord } from './escape.js';
import { netnsName } from './netns-name.js';
import type { Column } from './table.js';
import {
  commWord,
  distinct,
  kindWord,
  verdictStyle,
  verdictWord,
  whyWords,
  workloadWords,
} from './words.js';

type BindingColumn = Column<TapBinding>;

// As many pids as a terminal's line bears.
const BRIEF_PIDS = 4;

export function bindingColumns({ wide, full }: { wide: boolean; full: boolean }): BindingColumn[] {
  return [
    ...DEFAULT,
    ...(full ? [COMMAND_LINE] : [COMMAND]),
    WORKLOAD,
    WHY,
    ...(wide ? WIDE : []),
    ...(full ? TRAFFIC : []),
  ];
}

const DEFAULT: BindingColumn[] = [
  { title: 'NETNS', cell: ({ device }) => netnsName(device?.netns) },
  { title: 'NAME', cell: ({ device }) => printableWord(device?.name ?? '') },
  { title: 'KIND', cell: ({ device }) => kindWord(device?.kind) },
  {
    title: 'VERDICT',
    cell: ({ verdict }) => verdictWord(verdict),
    whole: true,
    style: ({ verdict }) => verdictStyle(verdict),
  },
  {
    title: 'PID',
    cell: (binding) => pids(binding, Infinity),
    brief: (binding) => pids(binding, BRIEF_PIDS),
    whole: true,
  },
];

const COMMAND: BindingColumn = {
  title: 'COMMAND',
  cell: ({ holders }) => counted(holders.map(({ process }) => commWord(process))),
};

const COMMAND_LINE: BindingColumn = {
  title: 'COMMAND',
  cell: ({ holders }) => counted(holders.map(commandLine)),
};

const WORKLOAD: BindingColumn = {
  title: 'WORKLOAD',
  cell: ({ holders }) =>
    distinct(holders.map(({ workload }) => workloadWords(workload)).filter((w) => w !== '')).join(),
};

const WHY: BindingColumn = { title: 'WHY', cell: whyWords, optional: true };

const WIDE: BindingColumn[] = [
  { title: 'HOLDERS', cell: ({ holders }) => holders.length.toString() },
  { title: 'IFINDEX', cell: ({ device }) => device?.ifindex.toString() ?? '' },
  { title: 'QUEUES', cell: queueWords },
  { title: 'FDS', cell: ({ holders }) => fdWords(holders) },
  {
    title: 'UID',
    cell: ({ holders }) => distinct(holders.map(({ process: p }) => `${p?.uid ?? '?'}`)).join(),
  },
  {
    title: 'USER',
    cell: ({ holders }) =>
      distinct(holders.map(({ process: p }) => printableWord(p?.userName ?? '')))
        .filter((name) => name !== '')
        .join(),
  },
  { title: 'INODE', cell: ({ device }) => netnsInode(device?.netns?.inode ?? 0n) },
  { title: 'MASTER', cell: ({ device }) => printableWord(device?.master?.name ?? '') },
  { title: 'FLAGS', cell: flagWords },
  {
    title: 'OPENED-IN',
    cell: ({ holders }) =>
      distinct(
        holders.flatMap(({ fds }) =>
          fds.flatMap(({ openedIn }) => (openedIn === undefined ? [] : [netnsName(openedIn)])),
        ),
      ).join(),
  },
];

const TRAFFIC: BindingColumn[] = [
  { title: 'RX-BYTES', cell: ({ device }) => device?.statistics?.rxBytes.toString() ?? '' },
  { title: 'TX-BYTES', cell: ({ device }) => device?.statistics?.txBytes.toString() ?? '' },
];

/** `1234,1240`; `?` where something holds the device or may; empty where nobody does. */
function pids({ holders, verdict }: TapBinding, most: number): string {
  if (holders.length === 0) return verdict === Verdict.VERDICT_UNHELD ? '' : '?';
  const shown = holders.slice(0, most).map(({ process }) => `${process?.pid ?? '?'}`);
  const rest = holders.length - shown.length;
  return [...shown, ...(rest > 0 ? [`+${rest}`] : [])].join();
}

/** `qemu*2,sh`: each text once, with how many holders it stands for. */
function counted(texts: readonly string[]): string {
  return distinct(texts)
    .map((text) => {
      const count = texts.filter((other) => other === text).length;
      return count > 1 ? `${text}*${count}` : text;
    })
    .join();
}

function commandLine({ process }: Holder): string {
  const line = process?.commandLine.map(printable).join(' ') ?? '';
  return line === '' ? commWord(process) : line;
}

/** `FOUND/ATTACHED+DETACHED`: open files found, and queues as the kernel counts them. */
export function queueWords({ queues }: TapBinding): string {
  if (queues === undefined) return '';
  const detached = (queues.disabled ?? 0) > 0 ? `+${queues.disabled ?? 0}` : '';
  return `${queues.found}/${queues.attached ?? '?'}${detached}`;
}

/** `1234:3,1234:4(detached)`, `1234[1236]:3` for a thread's own descriptor. */
export function fdWords(holders: readonly Holder[]): string {
  return holders
    .flatMap(({ process, fds }) =>
      fds.map(({ fd, tid, detached }) => {
        const thread = tid === undefined ? '' : `[${tid}]`;
        return `${process?.pid ?? '?'}${thread}:${fd}${detached ? '(detached)' : ''}`;
      }),
    )
    .join();
}

function netnsInode(inode: bigint): string {
  return inode === 0n ? '' : inode.toString();
}

function flagWords({ device }: TapBinding): string {
  if (device === undefined) return '';
  return [
    device.up ? 'up' : 'down',
    ...(device.persistent ? ['persist'] : []),
    ...(device.multiQueue ? ['multi_queue'] : []),
    ...(device.packetInfo ? ['pi'] : []),
    ...(device.vnetHdr ? ['vnet_hdr'] : []),
  ].join();
}

const collator = new Intl.Collator('en', { numeric: true });

/** For people: the host's own devices first, then by namespace and name. */
export function byPlace(a: TapBinding, b: TapBinding): number {
  const first =
    Number(b.device?.netns?.initial ?? false) - Number(a.device?.netns?.initial ?? false);
  return (
    first ||
    collator.compare(netnsName(a.device?.netns), netnsName(b.device?.netns)) ||
    collator.compare(a.device?.name ?? '', b.device?.name ?? '') ||
    collator.compare(a.name, b.name)
  );
}
