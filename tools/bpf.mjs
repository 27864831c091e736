// Compiles the program of the BPF finder. It fits itself to the kernel that it is loaded into, so that one
// object serves all kernels and both architectures.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';

const SOURCE = 'bpf/finder.bpf.c';
const OBJECT = 'dist/bpf/finder.bpf.o';

/** Whether the object is there and was built from the source that is there now. */
export function isBpfBuilt() {
  return existsSync(OBJECT) && statSync(OBJECT).mtimeMs >= statSync(SOURCE).mtimeMs;
}

/**
 * In the directory of the project.
 * @returns {null | {missing: boolean, message: string}} null when it was built; `missing`: clang or
 *   libbpf's headers are not there
 */
export function buildBpf() {
  mkdirSync('dist/bpf', { recursive: true });
  // A run that is interrupted must leave no half of an object, nor two runs at once.
  const unfinished = `${OBJECT}.${process.pid}`;
  // Type information (-g) is what it is fitted to the kernel by.
  const flags = ['-O2', '-g', '-Wall', '-Wextra', '-Werror', '-target', 'bpf', '-mcpu=v2'];
  const { status, error, stderr } = spawnSync('clang', [...flags, '-c', SOURCE, '-o', unfinished], {
    encoding: 'utf8',
  });
  if (error !== undefined) return { missing: true, message: 'clang is not installed' };
  if (status !== 0)
    return { missing: /bpf_[a-z_]+\.h' file not found/.test(stderr), message: stderr };
  renameSync(unfinished, OBJECT);
  return null;
}
