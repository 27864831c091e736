/** What differs from the observation before: on a host where nothing changes, nothing is sent. */
import type { Binding } from '../model/binding.js';
import type { Coverage } from '../model/coverage.js';
import type { Observation } from '../model/observation.js';

export class Difference {
  /** Each binding as it was last told. */
  #told: Map<string, string> | null = null;

  /**
   * After a look at a part: `gone` are resource names that were told. Null when nothing differs, or when
   * nothing was told yet.
   */
  part(
    bindings: readonly Binding[],
    gone: readonly string[],
    coverage: Coverage,
  ): Observation | null {
    const told = this.#told;
    if (told === null) return null;
    const changed = bindings.filter((binding) => {
      const text = JSON.stringify(binding);
      if (told.get(binding.name) === text) return false;
      told.set(binding.name, text);
      return true;
    });
    const gones = gone.filter((name) => told.delete(name));
    if (changed.length + gones.length === 0) return null;
    return { full: false, observedAt: Date.now(), bindings: changed, gone: gones, coverage };
  }

  /** The first observation is full. */
  next(bindings: readonly Binding[], coverage: Coverage): Observation {
    const before = this.#told;
    const told = new Map<string, string>();
    const changed: Binding[] = [];
    for (const binding of bindings) {
      const text = JSON.stringify(binding);
      told.set(binding.name, text);
      if (before?.get(binding.name) !== text) changed.push(binding);
    }
    this.#told = told;
    const gone = before === null ? [] : [...before.keys()].filter((name) => !told.has(name));
    return { full: before === null, observedAt: Date.now(), bindings: changed, gone, coverage };
  }
}
