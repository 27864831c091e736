/**
 * libbpf(3), through koffi: a second library beside the C library, and one that need not be there. It
 * fits a program to the running kernel (CO-RE) and loads it. See libbpf.h, and for iterators
 * kernel/bpf/bpf_iter.c.
 */
import koffi, { type LibraryHandle } from 'koffi';
import { errnoName, KernelError } from './kernel-error.js';
import { addressOf, checked } from './libc.js';

/** All versions 1.x have these functions. They return a negative errno, or null and set errno. */
const LIBRARY = 'libbpf.so.1';

/** An address in the memory of the library; 0 is null. */
type Handle = number | bigint;

interface Functions {
  readonly setPrint: (print: null) => Handle;
  readonly openObject: (bytes: bigint, size: number, options: null) => Handle;
  readonly loadObject: (object: Handle) => number;
  readonly closeObject: (object: Handle) => void;
  readonly findMap: (object: Handle, name: string) => Handle;
  readonly updateMap: (
    map: Handle,
    key: bigint,
    keySize: number,
    value: bigint,
    valueSize: number,
    flags: number,
  ) => number;
  readonly findProgram: (object: Handle, name: string) => Handle;
  readonly attachIterator: (program: Handle, options: null) => Handle;
  readonly linkFd: (link: Handle) => number;
  readonly destroyLink: (link: Handle) => number;
  readonly createIterator: (linkFd: number) => number;
}

let functions: Functions | null = null;

/** Throws KernelError: ENOENT where the library is not installed. */
function libbpf(): Functions {
  functions ??= declared();
  return functions;
}

function declared(): Functions {
  let library: LibraryHandle;
  try {
    library = koffi.load(LIBRARY);
  } catch {
    throw new KernelError(LIBRARY, 'ENOENT');
  }
  const named = (prototype: string) => library.func(prototype) as never;
  const setPrint = named('uintptr_t libbpf_set_print(void *print)') as Functions['setPrint'];
  // Errors come back as errno; on standard error it would write a page of each.
  setPrint(null);
  return {
    setPrint,
    openObject: named('uintptr_t bpf_object__open_mem(void *bytes, size_t size, void *options)'),
    loadObject: named('int bpf_object__load(uintptr_t object)'),
    closeObject: named('void bpf_object__close(uintptr_t object)'),
    findMap: named('uintptr_t bpf_object__find_map_by_name(uintptr_t object, const char *name)'),
    updateMap: named(
      'int bpf_map__update_elem(uintptr_t map, void *key, size_t key_size, void *value, size_t value_size, uint64_t flags)',
    ),
    findProgram: named(
      'uintptr_t bpf_object__find_program_by_name(uintptr_t object, const char *name)',
    ),
    attachIterator: named('uintptr_t bpf_program__attach_iter(uintptr_t program, void *options)'),
    linkFd: named('int bpf_link__fd(uintptr_t link)'),
    destroyLink: named('int bpf_link__destroy(uintptr_t link)'),
    createIterator: named('int bpf_iter_create(int link_fd)'),
  };
}

function succeeded(call: string, result: number): number {
  if (result < 0) throw new KernelError(call, errnoName(-result));
  return result;
}

function found(call: string, handle: Handle): Handle {
  if (Number(handle) === 0) checked(call, -1);
  return handle;
}

const key = Buffer.alloc(4);

/** A compiled BPF object that was loaded into the kernel: programs, and their global variables. */
export class BpfObject {
  readonly #object: Handle;
  readonly #links: Handle[] = [];

  private constructor(object: Handle) {
    this.#object = object;
  }

  /**
   * Loads the ELF object `bytes`. Throws KernelError: ENOENT without the library, EPERM without
   * CAP_BPF and CAP_PERFMON, ESRCH (from libbpf) where the kernel has no BTF, EINVAL or another
   * errno where the kernel does not take the program, and errno of libbpf.h (4000 and up) where it is no object.
   */
  static load(bytes: Buffer): BpfObject {
    const { openObject, loadObject, closeObject } = libbpf();
    const object = found('bpf_object__open', openObject(addressOf(bytes), bytes.length, null));
    try {
      succeeded('bpf_object__load', loadObject(object));
    } catch (error) {
      closeObject(object);
      throw error;
    }
    return new BpfObject(object);
  }

  /** Sets all global variables that are not initialised (`.bss`) at once. Throws KernelError. */
  setVariables(value: Buffer): void {
    const { findMap, updateMap } = libbpf();
    const map = found('bpf_object__find_map', findMap(this.#object, '.bss'));
    const size = value.length;
    const result = updateMap(map, addressOf(key), key.length, addressOf(value), size, 0);
    succeeded('bpf_map__update_elem', result);
  }

  /**
   * Attaches an iterator program. Returns a descriptor from which any number of iterations can be
   * opened; it belongs to this object. Throws KernelError: ENOENT when there is no such program.
   */
  attachIterator(program: string): number {
    const { findProgram, attachIterator, linkFd } = libbpf();
    const handle = found(program, findProgram(this.#object, program));
    const link = found('bpf_program__attach_iter', attachIterator(handle, null));
    this.#links.push(link);
    return linkFd(link);
  }

  close(): void {
    const { destroyLink, closeObject } = libbpf();
    for (const link of this.#links) destroyLink(link);
    closeObject(this.#object);
  }
}

/** Begins an iteration: a descriptor to read until its end, and to close. Throws KernelError. */
export function openIteration(linkFd: number): number {
  return succeeded('bpf_iter_create', libbpf().createIterator(linkFd));
}
