// A list of operations that fit to each other, from a seed alone.
import { happened } from './effect.js';
import type { DeviceMode, NetnsName, Operation } from './operation.js';
import { isPossible } from './possible.js';
import { Random } from './random.js';
import { BOXES, Truth, type TrueFd, type TrueNetns } from './truth.js';

/** Few names, so that the same ones are in several namespaces and come back. */
const DEVICES = ['a', 'b', 'c'] as const;
const NAMESPACES = ['n0', 'n1', 'n2'] as const;
const MOST_AGENTS = 4;
const MOST_PROCESSES = 9;
const MOST_FDS = 24;
const MOST_RINGS = 3;
/** Operations from one rest to the next: at least, and by chance beyond that. */
const REST_AFTER = 5;
const REST_WITHIN = 15;

/** How often each is chosen among those that are possible. */
const WEIGHTS: Record<Exclude<Operation['do'], 'rest'>, number> = {
  start: 6,
  enter: 3,
  open: 12,
  attach: 16,
  detach: 5,
  reattach: 4,
  persist: 5,
  dup: 6,
  keep: 4,
  close: 12,
  fork: 8,
  thread: 1,
  exec: 2,
  kill: 4,
  send: 6,
  receive: 6,
  register: 3,
  'close-ring': 2,
  'add-netns': 6,
  'delete-netns': 2,
  create: 6,
  delete: 3,
  rename: 6,
  move: 8,
  up: 2,
  down: 1,
  look: 6,
};
const LOTS = Object.entries(WEIGHTS).flatMap(([kind, weight]) =>
  Array.from({ length: weight }, () => kind as keyof typeof WEIGHTS),
);

/** So many operations, and the rests between them. */
export function generate(seed: number, count: number): Operation[] {
  const random = new Random(seed);
  const truth = new Truth(0);
  const operations: Operation[] = [];
  // Given as name and as what the kernel would have given.
  let fresh = 1;
  let rest = REST_AFTER + random.below(REST_WITHIN);
  for (let done = 0; done < count;) {
    const operation = draft(random, truth, fresh);
    if (operation === undefined || !isPossible(truth, operation)) continue;
    happened(truth, operation, fresh++);
    operations.push(operation);
    done++;
    if (--rest > 0) continue;
    operations.push({ do: 'rest' });
    rest = REST_AFTER + random.below(REST_WITHIN);
  }
  operations.push({ do: 'rest' });
  return operations;
}

/** An operation that may be possible; undefined when there is nothing that it could be about. */
function draft(random: Random, truth: Truth, fresh: number): Operation | undefined {
  const kind = random.of(LOTS)!;
  const fds = [...truth.named].filter(([, fd]) => fd.process.obeys);
  const agents = [...truth.processes].filter(([, { obeys }]) => obeys).map(([number]) => number);
  const oneFd = (fits: (fd: TrueFd) => boolean = () => true): number | undefined =>
    random.of(fds.filter(([, fd]) => fits(fd)))?.[0];
  const netns = nameOf(random.of([...truth.namespaces])!);
  const device = random.of(DEVICES)!;
  const known = random.of([...truth.devices]);
  const process = random.of(agents);
  const box = random.below(BOXES);
  switch (kind) {
    case 'start':
      return agents.length < MOST_AGENTS ? { do: kind, process: fresh } : undefined;
    case 'enter':
      return process === undefined ? undefined : { do: kind, process, netns };
    case 'open':
    case 'receive':
      if (process === undefined || fds.length >= MOST_FDS) return undefined;
      return kind === 'open'
        ? { do: kind, process, fd: fresh }
        : { do: kind, process, box, fd: fresh };
    case 'attach': {
      // One that is attached already is refused: now and then will do.
      const fd = oneFd(({ file }) => file.device === null || random.oneIn(20));
      return fd === undefined ? undefined : { do: kind, fd, device, mode: mode(random) };
    }
    case 'detach':
    case 'reattach': {
      const fd = oneFd(({ file }) => file.device?.multiQueue === true);
      return fd === undefined ? undefined : { do: kind, fd };
    }
    case 'persist': {
      const fd = oneFd(({ file }) => file.device !== null);
      return fd === undefined ? undefined : { do: kind, fd, on: random.oneIn(2) };
    }
    case 'dup': {
      const fd = fds.length < MOST_FDS ? oneFd() : undefined;
      return fd === undefined ? undefined : { do: kind, fd, copy: fresh };
    }
    case 'keep':
    case 'close': {
      const fd = oneFd();
      return fd === undefined ? undefined : { do: kind, fd };
    }
    case 'send': {
      const fd = oneFd();
      return fd === undefined ? undefined : { do: kind, fd, box };
    }
    case 'fork': {
      if (process === undefined || truth.processes.size >= MOST_PROCESSES) return undefined;
      const own = fds.filter(([, fd]) => fd.process === truth.processes.get(process));
      const inherited = own.map(([number]) => number).filter(() => !random.oneIn(3));
      return { do: kind, process, fds: inherited, child: fresh };
    }
    case 'thread':
    case 'exec':
      return process === undefined ? undefined : { do: kind, process };
    case 'kill': {
      const victim = random.of([...truth.processes.keys()]);
      return victim === undefined ? undefined : { do: kind, process: victim };
    }
    case 'register': {
      const fd = truth.rings.size < MOST_RINGS ? oneFd() : undefined;
      return fd === undefined ? undefined : { do: kind, fd, ring: fresh };
    }
    case 'close-ring': {
      const ring = random.of([...truth.rings.keys()]);
      return ring === undefined ? undefined : { do: kind, ring };
    }
    case 'add-netns':
      return { do: kind, netns: random.of(NAMESPACES)!, number: fresh };
    case 'delete-netns':
      return { do: kind, netns };
    case 'create':
      return { do: kind, netns, device, mode: mode(random) };
    case 'delete':
    case 'up':
    case 'down':
    case 'rename':
    case 'move': {
      if (known === undefined) return undefined;
      const which = { netns: nameOf(known.netns), device: known.name };
      if (kind === 'rename') return { do: kind, ...which, to: device };
      return kind === 'move' ? { do: kind, ...which, to: netns } : { do: kind, ...which };
    }
    case 'look':
      return { do: kind };
  }
}

function nameOf({ name, number }: TrueNetns): NetnsName {
  return name ?? `#${number}`;
}

function mode(random: Random): DeviceMode {
  // Mostly those that go together, or no file would ever attach to another's device.
  return {
    tap: !random.oneIn(6),
    multiQueue: !random.oneIn(3),
    vnetHdr: random.oneIn(3),
    packetInfo: random.oneIn(3),
  };
}
