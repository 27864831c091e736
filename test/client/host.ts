/** A host whose devices change as a test says, and what List would say of it at each revision. */
import { bindingMessage } from '../../src/api/binding-message.js';
import { TapBinding } from '../../src/gen/tapmap/v1/tap_binding.js';
import type { Binding } from '../../src/model/binding.js';
import { BindingStore } from '../../src/store/binding-store.js';
import { NODE } from '../api/server.js';
import { observationOf, type World } from '../api/worlds.js';

export interface Wanted {
  readonly view: 'BASIC' | 'FULL';
  /** What the filter means. */
  readonly matches: (binding: Binding) => boolean;
}

export class Host {
  /** By epoch and revision: the bindings, ordered by name. */
  readonly #listed = new Map<string, readonly TapBinding[]>();
  readonly #wanted: Wanted;
  #store = new BindingStore();
  #bindings: readonly Binding[] = [];
  #observedAt = 1_000;

  constructor(wanted: Wanted = { view: 'BASIC', matches: () => true }) {
    this.#wanted = wanted;
  }

  get store(): BindingStore {
    return this.#store;
  }

  /** The server begins another life: nothing is known of what was before. */
  restart(): BindingStore {
    this.#store = new BindingStore();
    return this.#store;
  }

  observe(next: World): void {
    const full = next.full || !this.#store.ready;
    const told = observationOf({ ...next, full }, this.#bindings, this.#observedAt);
    this.#bindings = told.bindings;
    this.#observedAt += 10;
    this.#store.apply(told.observation);
    this.#listed.set(`${this.#store.epoch} ${this.#store.revision}`, this.#list());
  }

  /** What List said then. */
  listed(epoch: string, revision: bigint): readonly TapBinding[] {
    const list = this.#listed.get(`${epoch} ${revision}`);
    if (list === undefined) throw new Error(`there never was a revision ${revision}`);
    return list;
  }

  #list(): readonly TapBinding[] {
    const { view, matches } = this.#wanted;
    return this.#store
      .snapshot()
      .records.filter(matches)
      .map((record) => TapBinding.encode(bindingMessage(record, NODE, view)).finish())
      .map((bytes) => TapBinding.decode(bytes));
  }
}

export function byName(bindings: ReadonlyMap<string, TapBinding>): TapBinding[] {
  return [...bindings.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
