// Holds what List says at rest against what is true.
import { inspect, isDeepStrictEqual } from 'node:util';
import {
  deviceKindToJSON,
  Evidence,
  evidenceToJSON,
  hintKindToJSON,
  Verdict,
  verdictToJSON,
  type TapBinding,
} from '../../src/gen/tapmap/v1/tap_binding.js';
import { DEVICE_PREFIX } from '../stage/leaks.js';
import { expectedOf, holders, keyOf, slot, type Told } from './expected.js';
import { startTime } from './kernel.js';
import type { TrueDevice, TrueFile, TrueNetns, Truth } from './truth.js';
import { devicesOf } from './way-in.js';
import { deviceName, type World } from './world.js';

interface Known {
  readonly netns: TrueNetns;
  readonly moves: number;
  readonly name: string;
  readonly deviceName: string;
  readonly isHeld: boolean;
}

export class Comparison {
  readonly #known = new Map<TrueDevice, Known>();
  readonly #cookies = new Map<bigint, TrueNetns>();

  constructor(
    private readonly world: World,
    private readonly truth: Truth,
    /** Processes that ever held the device. */
    private readonly heldBy: (device: TrueDevice) => ReadonlySet<number>,
  ) {}

  /** What is wrong, one line or more each. Nothing is remembered unless all is right. */
  problems(bindings: readonly TapBinding[]): string[] {
    const ours = bindings.filter((binding) => isOurs(binding) || this.#isInOurs(binding));
    const byKey = new Map(ours.map((binding) => [keyOfBinding(binding), binding]));
    const problems: string[] = [];
    if (byKey.size < ours.length) problems.push('two bindings for one device');
    const unexpected = new Set(byKey.keys());
    for (const device of this.truth.devices) {
      const key = keyOf(device);
      const binding = byKey.get(key);
      unexpected.delete(key);
      if (binding === undefined) {
        // Nothing leads into a namespace that only a file in flight keeps alive.
        if (this.truth.reach(device.netns) === 'yes') problems.push(`${key} is not listed`);
      } else problems.push(...this.#problemsOf(device, binding).map((what) => `${key}: ${what}`));
    }
    for (const key of unexpected) {
      problems.push(`${key} is listed and not there: ${inspect(toldBy(byKey.get(key)!))}`);
    }
    if (problems.length > 0) return problems;
    this.#known.clear();
    for (const device of this.truth.devices) {
      const binding = byKey.get(keyOf(device));
      if (binding === undefined) continue;
      const { netns, moves } = device;
      const isHeld = binding.holders.length > 0;
      const known = { netns, moves, name: binding.name, deviceName: device.name, isHeld };
      this.#known.set(device, known);
    }
    return [];
  }

  /** Whether it is in a namespace of the churn's own. True only at rest: inodes are used again. */
  #isInOurs({ device }: TapBinding): boolean {
    const inode = Number(device!.netns!.inode);
    return [...this.truth.namespaces].some(
      (netns) => netns !== this.truth.home && netns.inode === inode,
    );
  }

  #problemsOf(device: TrueDevice, binding: TapBinding): string[] {
    const problems: string[] = [];
    const told = toldBy(binding);
    const slots = new Set(
      binding.holders.flatMap(({ process, fds }) =>
        fds.map(({ fd, tid }) => slot({ pid: process!.pid, tid, fd })),
      ),
    );
    const expected = expectedOf(this.truth, device, slots);
    if (!isDeepStrictEqual(told, expected)) {
      const fields = Object.keys(expected) as (keyof Told)[];
      for (const field of fields) {
        if (isDeepStrictEqual(told[field], expected[field])) continue;
        problems.push(`${field} is ${inspect(told[field])}, not ${inspect(expected[field])}`);
      }
      problems.push(`reasons ${inspect(binding.reasons)}`);
    }
    problems.push(
      ...this.#resource(device, binding),
      ...this.#hints(device, binding),
      ...this.#lastHolder(device, binding),
    );
    for (const { process, fds } of binding.holders) {
      if (fds.some(({ evidence }) => evidence === Evidence.EVIDENCE_NAME)) {
        problems.push(`evidence of ${process!.pid} is ${evidenceToJSON(fds[0]!.evidence)}`);
      }
      if (process!.startTime !== startTime(process!.pid)) {
        problems.push(`${process!.pid} did not start at ${process!.startTime}`);
      }
    }
    return problems;
  }

  /** The name of the binding: of cookie and ifindex, and the same as long as it does not move. */
  #resource(device: TrueDevice, { name, device: told }: TapBinding): string[] {
    const problems: string[] = [];
    const cookie = told!.netns!.cookie;
    const known = this.#known.get(device);
    if (name !== `netns/${cookie}/devices/${told!.ifindex}`) problems.push(`its name is ${name}`);
    if (known?.netns === device.netns && known.moves === device.moves && known.name !== name) {
      problems.push(`its name is ${name}, and was ${known.name}`);
    }
    const owner = this.#cookies.get(cookie);
    if (owner === undefined) this.#cookies.set(cookie, device.netns);
    else if (owner !== device.netns) problems.push(`cookie ${cookie} was another namespace's`);
    if (this.truth.reach(device.netns) === 'yes') {
      const actual = devicesOf(this.truth, device.netns).get(deviceName(device.name));
      if (actual?.ifindex !== told!.ifindex) problems.push(`its ifindex is ${told!.ifindex}`);
    }
    return problems;
  }

  /** Each file that no descriptor shows is where some hint leads. */
  #hints({ queues }: TrueDevice, { verdict, hints }: TapBinding): string[] {
    if (verdict !== Verdict.VERDICT_HIDDEN) {
      return hints.length === 0 ? [] : [`there are hints: ${inspect(hints)}`];
    }
    const told = hints.map(({ kind, pid, fd }) => `${hintKindToJSON(kind)} ${pid}:${fd ?? ''}`);
    for (const file of queues) {
      if (!this.truth.isHidden(file)) continue;
      const places = this.#placesOf(file);
      if (!told.some((place) => places.has(place))) {
        return [`none of the hints ${inspect(told)} is one of ${inspect([...places])}`];
      }
    }
    return [];
  }

  #placesOf(file: TrueFile): Set<string> {
    const places = new Set<string>();
    for (const [box, files] of this.truth.boxes.entries()) {
      if (!files.includes(file)) continue;
      for (const socket of this.world.receivingEnds(box)) {
        places.add(`HINT_KIND_DESCRIPTOR_IN_FLIGHT ${socket}`);
      }
    }
    for (const ring of this.truth.rings.values()) {
      if (ring.file !== file) continue;
      places.add(`HINT_KIND_IO_URING ${ring.process.pid}:${ring.number}`);
    }
    return places;
  }

  #lastHolder(device: TrueDevice, { holders, lastHolder, name }: TapBinding): string[] {
    if (lastHolder === undefined) {
      const known = this.#known.get(device);
      if (holders.length > 0 || known?.isHeld !== true || known.name !== name) return [];
      // It may have gone and come back under the same ifindex: in each place it begins its life.
      if (known.moves !== device.moves) return [];
      // A TUN device of another name might be another one, and begins its life.
      if (!device.tap && known.deviceName !== device.name) return [];
      return ['its last holder is not told'];
    }
    const { pid } = lastHolder.process!;
    if (holders.length > 0) return [`it has holders, and last held by ${pid}`];
    return this.heldBy(device).has(pid) ? [] : [`last held by ${pid}, which never did`];
  }
}

/** By its name. */
export function isOurs({ device }: TapBinding): boolean {
  return device!.name.startsWith(DEVICE_PREFIX);
}

export function keyOfBinding({ device }: TapBinding): string {
  return `${device!.netns!.inode}/${device!.name}`;
}

function toldBy({ device, verdict, queues, holders: told }: TapBinding): Told {
  const byQueue = new Map<string, string[]>();
  for (const { process, fds } of told) {
    for (const { queue, fd, tid } of fds) {
      const slots = byQueue.get(queue) ?? [];
      slots.push(slot({ pid: process!.pid, tid, fd }));
      byQueue.set(queue, slots);
    }
  }
  return {
    device: device!.name,
    netns: Number(device!.netns!.inode),
    initial: device!.netns!.initial,
    named: device!.netns!.initial || device!.netns!.paths.length > 0,
    kind: deviceKindToJSON(device!.kind),
    up: device!.up,
    persistent: device!.persistent,
    multiQueue: device!.multiQueue,
    vnetHdr: device!.vnetHdr,
    packetInfo: device!.packetInfo,
    verdict: verdictToJSON(verdict),
    attached: queues?.attached,
    disabled: queues?.disabled,
    found: queues?.found,
    holders: holders(
      told.flatMap(({ process, fds }) =>
        fds.map(({ fd, tid, detached, openedIn }) => ({
          pid: process!.pid,
          tid,
          fd,
          detached,
          openedIn: Number(openedIn?.inode),
          netns: Number(process!.netns?.inode),
        })),
      ),
    ),
    queues: [...byQueue.values()].map((slots) => slots.sort().join(' ')).sort(),
  };
}
