// What was true at some moment since the last rest. Whatever is said between two rests is held against
// that: late it may be, but it may not tell of a holder that never was, call a device unheld that
// was held all the time, or lose one that was there all the time.
import { Verdict, type TapBinding } from '../../src/gen/tapmap/v1/tap_binding.js';
import { ChangeType, type Change } from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { isOurs, keyOfBinding } from './compare.js';
import { keyOf, slot, slotOf } from './expected.js';
import type { Operation } from './operation.js';
import type { TrueDevice, Truth } from './truth.js';

export class Meanwhile {
  readonly #holders = new Set<string>();
  readonly #unheld = new Set<string>();
  readonly #pids = new Set<number>();
  /** Processes whose first thread let go of its table, which other threads of it still had then. */
  readonly #letGo = new Set<number>();
  /** By the numbers that operations have for them; of those that are gone, too. */
  readonly #pidOf = new Map<number, number>();
  #throughout = new Set<string>();
  /** Where each device was, and what it was called. */
  readonly #placesOf = new Map<TrueDevice, Set<string>>();
  readonly #heldBy = new Map<TrueDevice | string, Set<number>>();

  constructor(private readonly truth: Truth) {
    this.rested();
  }

  /**
   * Processes that ever held the device. Those that held a TUN device count for any of the same name in
   * the same place: nothing but its ifindex tells one from the next, and that can be the same, too.
   */
  heldBy(device: TrueDevice): ReadonlySet<number> {
    return this.#heldByOf(device);
  }

  /** What was before is forgotten. */
  rested(): void {
    this.#holders.clear();
    this.#unheld.clear();
    this.#pids.clear();
    this.#letGo.clear();
    this.#placesOf.clear();
    this.#throughout = this.#present();
    this.#remember();
  }

  happened(operation: Operation, learned: number): void {
    // Before a child becomes what it is to be it has a copy of its parent's whole table.
    if (operation.do === 'fork') {
      const child = this.truth.processes.get(operation.child)!;
      for (const { process, file } of this.truth.fds) {
        if (process !== child.parent || file.device === null) continue;
        this.#holders.add(`${keyOf(file.device)} ${learned}`);
        this.#heldByOf(file.device).add(learned);
      }
    }
    // An exec gives a process a table of its own. One that is killed ends thread by thread.
    if (operation.do === 'exec' || operation.do === 'kill') {
      this.#letGo.add(this.#pidOf.get(operation.process)!);
    }
    // The last file that keeps a namespace lets go of its device first; the namespace follows when the
    // kernel comes to it, and the device stays until then.
    for (const [device, places] of this.#placesOf) {
      if (this.truth.namespaces.has(device.netns)) continue;
      for (const key of places) this.#unheld.add(key);
    }
    const present = this.#present();
    for (const key of this.#throughout) if (!present.has(key)) this.#throughout.delete(key);
    this.#remember();
  }

  #present(): Set<string> {
    const there = [...this.truth.devices].filter(({ netns }) => this.truth.reach(netns) === 'yes');
    return new Set(there.map(keyOf));
  }

  #remember(): void {
    for (const [number, { pid }] of this.truth.processes) {
      this.#pids.add(pid);
      this.#pidOf.set(number, pid);
    }
    for (const device of this.truth.devices) {
      const key = keyOf(device);
      this.#placesOf.set(device, (this.#placesOf.get(device) ?? new Set()).add(key));
      if (device.queues.size === 0) this.#unheld.add(key);
      for (const file of device.queues) {
        for (const fd of this.truth.fdsOf(file)) {
          this.#holders.add(`${key} ${slotOf(fd)}`);
          this.#heldByOf(device).add(fd.process.pid);
        }
      }
    }
  }

  #heldByOf(device: TrueDevice): Set<number> {
    const key = device.tap ? device : keyOf(device);
    let pids = this.#heldBy.get(key);
    if (pids === undefined) {
      // The test process itself makes devices that nobody holds.
      pids = new Set([process.pid]);
      this.#heldBy.set(key, pids);
    }
    return pids;
  }

  /** What is wrong with bindings that a List told which began since the last rest. */
  problemsOfList(bindings: readonly TapBinding[]): string[] {
    const keys = new Set(bindings.map(keyOfBinding));
    const lost = [...this.#throughout].filter((key) => !keys.has(key));
    return [
      ...lost.map((key) => `${key} was there all the time and is not listed`),
      ...bindings.flatMap((binding) => this.#problemsOf(binding)),
    ];
  }

  /** What is wrong with a batch of changes that a Watch told since the last rest. */
  problemsOfBatch(batch: readonly Change[]): string[] {
    return batch.flatMap(({ type, binding, movedFrom }) => {
      if (!isOurs(binding!)) return [];
      const key = keyOfBinding(binding!);
      if (type !== ChangeType.CHANGE_TYPE_REMOVED) {
        const problems = this.#problemsOf(binding!);
        if (movedFrom === '' || this.#hasMoved(batch, movedFrom, key)) return problems;
        return [...problems, `${key} is told to have been ${movedFrom}`];
      }
      return this.#throughout.has(key) ? [`${key} was there all the time and is removed`] : [];
    });
  }

  #hasMoved(batch: readonly Change[], from: string, to: string): boolean {
    const removed = batch.find(
      ({ type, binding }) =>
        type === ChangeType.CHANGE_TYPE_REMOVED && binding!.name === from && isOurs(binding!),
    );
    if (removed === undefined) return false;
    const key = keyOfBinding(removed.binding!);
    return [...this.#placesOf.values()].some((places) => places.has(key) && places.has(to));
  }

  #problemsOf(binding: TapBinding): string[] {
    const key = keyOfBinding(binding);
    const problems: string[] = [];
    if (binding.verdict === Verdict.VERDICT_UNHELD && !this.#unheld.has(key)) {
      problems.push(`${key} is told to be unheld, and was held all the time`);
    }
    for (const { process: holder, fds } of binding.holders) {
      const { pid } = holder!;
      for (const { fd, tid } of fds) {
        const claim = `${key} ${slot({ pid, tid, fd })}`;
        if (this.#holders.has(claim) || this.#holders.has(`${key} ${pid}`)) continue;
        if (this.#letGo.has(pid) && this.#holders.has(`${key} ${pid}:${fd}`)) continue;
        // Somebody else may look at the same file, and hold a copy for that moment.
        if (this.#pids.has(pid)) problems.push(`${claim} was never true`);
      }
    }
    return problems;
  }
}
