// Whether BPF iterators can be had here, and one set of them for the tests of a file.
import { after } from 'node:test';
import { loadBpf } from '../../src/inspect/bpf-ability.js';
import { BpfIterators } from '../../src/kernel/bpf-iterators.js';
import { missing } from './ability.js';

/** The reason to skip tests that need them, or the iterators, which are closed after the file's tests. */
export function bpfOfFile(): { skip: string | false; iterators: () => BpfIterators } {
  const skip = missing('initial-root', 'tun', 'netns');
  const loaded = skip === false ? loadBpf() : { reason: skip, remedy: '' };
  if (!(loaded instanceof BpfIterators)) {
    return {
      skip: loaded.reason,
      iterators: () => {
        throw new Error(loaded.reason);
      },
    };
  }
  after(() => {
    loaded.close();
  });
  return { skip: false, iterators: () => loaded };
}
