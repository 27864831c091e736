/** Work that lasts shows that it goes on: a line on a terminal's stderr, nothing in a pipe. */
import type { Io } from './io.js';

const PERIOD_MS = 1000;
const ERASE_LINE = '\r\x1b[K';

/** Runs `work`; from its second second on, shows what is going on and for how long. */
export async function withProgress<T>(io: Io, what: string, work: () => Promise<T>): Promise<T> {
  const { stderr } = io;
  if (stderr.isTTY !== true) return work();
  let seconds = 0;
  const timer = setInterval(() => {
    seconds += 1;
    stderr.write(`${ERASE_LINE}${what} … ${seconds} s`);
  }, PERIOD_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    if (seconds > 0) stderr.write(ERASE_LINE);
  }
}
