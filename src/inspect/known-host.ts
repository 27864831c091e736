/** What is known of the host from scan to scan, so that a part of it can be looked at alone. */
import type { Binding } from '../model/binding.js';
import type { Look } from './look.js';
import type { Known } from './look-again.js';
import type { PlacedDevice } from './place.js';

export class KnownHost implements Known {
  readonly census: Known['census'];
  readonly processesDenied: number;
  readonly devices: Map<string, PlacedDevice>;
  /** Resource name of each device. */
  readonly #names: Map<string, string>;

  /** `bindings` are those of the devices of the look, in their order. */
  constructor({ census, finds, placement }: Look, bindings: readonly Binding[]) {
    this.census = census;
    this.processesDenied = finds.denied.size;
    this.devices = new Map(placement.devices.map((placed) => [placed.key, placed]));
    this.#names = new Map(placement.devices.map(({ key }, i) => [key, bindings[i]!.name]));
  }

  /** Processes that hold a device. */
  holders(): Set<number> {
    const pids = new Set<number>();
    for (const { proven, nameOnly } of this.devices.values()) {
      for (const { pid } of proven) pids.add(pid);
      for (const { pid } of nameOnly) pids.add(pid);
    }
    return pids;
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
      this.devices.delete(key);
      this.#names.delete(key);
    }
    for (const [placed, { name }] of found) {
      gone.delete(placed.key);
      this.devices.set(placed.key, placed);
      this.#names.set(placed.key, name);
    }
    return [...gone.values()];
  }
}
