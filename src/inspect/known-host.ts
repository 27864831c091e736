/** What is known of the host from scan to scan, so that a part of it can be looked at alone. */
import type { Binding } from '../model/binding.js';
import type { Look } from './look.js';
import type { Known } from './look-again.js';
import type { PlacedDevice } from './place.js';

export class KnownHost implements Known {
  readonly census: Known['census'];
  readonly processesDenied: number;
  readonly devices = new Map<string, PlacedDevice>();
  /** Resource name of each device. */
  readonly #names = new Map<string, string>();
  /** Keys of the devices that each process holds. */
  readonly #held = new Map<number, Set<string>>();
  /** Keys of the devices of each network namespace, by index and by name. */
  readonly #links = new Map<number, Map<number | string, string>>();

  /** `bindings` are those of the devices of the look, in their order. */
  constructor({ census, finds, placement }: Look, bindings: readonly Binding[]) {
    this.census = census;
    this.processesDenied = finds.denied.size;
    for (const [i, placed] of placement.devices.entries()) this.#add(placed, bindings[i]!.name);
  }

  /** Processes that hold a device. */
  holders(): Set<number> {
    return new Set(this.#held.keys());
  }

  heldBy(pid: number): Iterable<string> {
    return this.#held.get(pid) ?? [];
  }

  link(netnsInode: number, indexOrName: number | string): string | undefined {
    return this.#links.get(netnsInode)?.get(indexOrName);
  }

  linksOf(netnsInode: number): Iterable<string> {
    return new Set(this.#links.get(netnsInode)?.values());
  }

  /**
   * Takes in what a look at the devices of `keys` has found. Returns the resource names of those that it
   * did not find any more.
   */
  update(
    keys: ReadonlySet<string>,
    found: readonly (readonly [PlacedDevice, Binding])[],
  ): string[] {
    const gone = new Map<string, string>();
    for (const key of keys) {
      const name = this.#names.get(key);
      if (name !== undefined) gone.set(key, name);
      this.#remove(key);
    }
    for (const [placed, { name }] of found) {
      gone.delete(placed.key);
      this.#add(placed, name);
    }
    return [...gone.values()];
  }

  #add(placed: PlacedDevice, name: string): void {
    const { key, netns, device } = placed;
    this.devices.set(key, placed);
    this.#names.set(key, name);
    for (const pid of pidsOf(placed)) {
      const held = this.#held.get(pid);
      if (held === undefined) this.#held.set(pid, new Set([key]));
      else held.add(key);
    }
    let links = this.#links.get(netns.inode);
    if (links === undefined) {
      links = new Map();
      this.#links.set(netns.inode, links);
    }
    links.set(device.link.ifindex, key).set(device.link.name, key);
  }

  #remove(key: string): void {
    const placed = this.devices.get(key);
    if (placed === undefined) return;
    this.devices.delete(key);
    this.#names.delete(key);
    for (const pid of pidsOf(placed)) {
      const held = this.#held.get(pid);
      held?.delete(key);
      if (held?.size === 0) this.#held.delete(pid);
    }
    const { ifindex, name } = placed.device.link;
    const links = this.#links.get(placed.netns.inode);
    // Another one may have its name by now.
    for (const one of [ifindex, name]) if (links?.get(one) === key) links.delete(one);
    if (links?.size === 0) this.#links.delete(placed.netns.inode);
  }
}

function* pidsOf({ proven, nameOnly }: PlacedDevice): Generator<number> {
  for (const { pid } of proven) yield pid;
  for (const { pid } of nameOnly) yield pid;
}
