/** A random host, what a watcher may want of it, and what List says of that. */
import fc from 'fast-check';
import { bindingMessage } from '../../src/api/binding-message.js';
import type { View as ModelView } from '../../src/api/view.js';
import { TapBinding } from '../../src/gen/tapmap/v1/tap_binding.js';
import type { DeepPartial, TapBindingFilter } from '../../src/gen/tapmap/v1/tap_binding_service.js';
import type { Binding } from '../../src/model/binding.js';
import { BindingStore } from '../../src/store/binding-store.js';
import { NODE } from './server.js';
import type { World } from './worlds.js';
import { observationOf } from './worlds.js';

export interface Selection {
  readonly filter: DeepPartial<TapBindingFilter>[];
  /** What the filter means, said in another way. */
  readonly matches: (binding: Binding) => boolean;
}

const SELECTIONS: readonly Selection[] = [
  { filter: [], matches: () => true },
  { filter: [{ pid: 7 }], matches: ({ holders }) => holders[0]?.process.pid === 7 },
  { filter: [{ netnsCookie: 2n }], matches: ({ name }) => name.startsWith('netns/2/') },
  {
    filter: [{ deviceName: 'tap1', uid: 0 }, { netnsPath: '/run/netns/ns3' }],
    matches: ({ name, holders }) =>
      (name.endsWith('/1') && holders.length > 0) || name.startsWith('netns/3/'),
  },
];

export const anySelection = fc.constantFrom(...SELECTIONS);
export const anyView = fc.constantFrom<ModelView>('BASIC', 'FULL');

export type State = ReadonlyMap<string, TapBinding>;

/** What List says now. */
export function listed(store: BindingStore, { matches }: Selection, view: ModelView): State {
  const state = new Map<string, TapBinding>();
  for (const record of store.snapshot().records) {
    if (!matches(record)) continue;
    const message = bindingMessage(record, NODE, view);
    state.set(record.name, TapBinding.decode(TapBinding.encode(message).finish()));
  }
  return state;
}

export function byName(state: State): TapBinding[] {
  return [...state.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Lets a store observe one world after another, each in the millisecond after the last or in it. */
export class Host {
  store: BindingStore;
  readonly #journalChanges: number;
  #bindings: readonly Binding[] = [];
  #observedAt = 1_000;

  constructor(journalChanges = 100_000) {
    this.#journalChanges = journalChanges;
    this.store = this.#emptyStore();
  }

  /** The server forgets all and begins a new epoch. */
  restart(): void {
    this.store = this.#emptyStore();
  }

  /** The probe is gone, until the next observation. */
  loseProbe(): void {
    this.store.markStale('the probe ended and is being restarted');
  }

  #emptyStore(): BindingStore {
    return new BindingStore({ journalChanges: this.#journalChanges, now: () => this.#observedAt });
  }

  observe(next: World): void {
    const full = next.full || !this.store.ready;
    const told = observationOf({ ...next, full }, this.#bindings, this.#observedAt);
    this.#bindings = told.bindings;
    this.#observedAt += next.unattachedFds;
    this.store.apply(told.observation);
  }
}
