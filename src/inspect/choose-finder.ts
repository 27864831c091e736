/** Which finder it is to be: that of BPF is faster and sees more, and needs more. */
import { isKernelError } from '../kernel/kernel-error.js';
import { loadBpf, withoutBpf, type BpfObstacle } from './bpf-ability.js';
import { bpfFinder, type Iterators } from './bpf-finder.js';
import type { Finder } from './find.js';

export type FinderChoice = 'auto' | 'proc' | 'bpf';

/** The BPF finder was asked for and cannot be had; the message says why and what to do. */
export class FinderError extends Error {
  override readonly name = 'FinderError';
}

/** `auto`: BPF when it loads, otherwise /proc. Throws FinderError. */
export function chooseFinder(
  choice: FinderChoice,
  proc: () => Finder,
  load: () => Iterators | BpfObstacle = loadBpf,
): Finder {
  if (choice === 'proc') return proc();
  const loaded = load();
  if ('reason' in loaded) {
    const why = `${loaded.reason}; ${loaded.remedy}`;
    if (choice === 'bpf') throw new FinderError(`the BPF finder cannot be had: ${why}`);
    return { ...proc(), degraded: [withoutBpf(why)] };
  }
  return choice === 'bpf' ? bpfFinder(loaded) : new FallingBack(loaded, proc);
}

/** BPF, until it fails: what fails once would fail again, and each scan would be lost. */
class FallingBack implements Finder {
  readonly #bpf: Finder;
  #proc: Finder | null = null;

  constructor(
    private readonly iterators: Iterators,
    private readonly proc: () => Finder,
  ) {
    this.#bpf = bpfFinder(iterators);
  }

  get #current(): Finder {
    return this.#proc ?? this.#bpf;
  }

  get kind(): Finder['kind'] {
    return this.#current.kind;
  }

  get degraded(): Finder['degraded'] {
    return this.#current.degraded;
  }

  readonly find: Finder['find'] = async (host, pace, thoroughly, tellTasks) => {
    try {
      return await this.#current.find(host, pace, thoroughly, tellTasks);
    } catch (error) {
      if (this.#proc !== null || !isKernelError(error)) throw error;
      const degraded = [withoutBpf(`it failed (${error.message}): start tapmap anew`)];
      this.#proc = { ...this.proc(), degraded };
      this.iterators.close();
      return this.#proc.find(host, pace, thoroughly);
    }
  };
}
