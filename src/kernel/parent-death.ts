/** prctl(PR_SET_PDEATHSIG): the kernel ends this process when its parent ends. */
import { checked, libc } from './libc.js';

type Prctl = (option: number, value: number, a: number, b: number, c: number) => number;
const prctl = libc.func('int prctl(int option, ulong value, ulong a, ulong b, ulong c)') as Prctl;

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

/** Even when this process is stopped and cannot see its parent go. Throws KernelError. */
export function dieWithParent(): void {
  checked('prctl', prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
}
