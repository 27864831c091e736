/**
 * The log of one process: a JSON object a line, on standard error. Messages are constants, what differs from line
 * to line is in fields; docs/operations.md lists them.
 */
import { destination, pino, stdTimeFunctions, type Logger } from 'pino';

/** `name` tells the processes of one tapmap apart. */
export function openLog(name: string, level: string): Logger {
  return pino(
    {
      name,
      level,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    // What is told just before the end must not be lost.
    destination({ fd: 2, sync: true }),
  );
}

/** What nobody has caught is a line of the log, too, and ends the process with `code`. */
export function logUncaught(log: Logger, code: number): void {
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'failed');
    process.exit(code);
  });
}
