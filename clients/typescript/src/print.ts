/** Writes one JSON object a line, no faster than the reader takes them. */
import { once } from 'node:events';

export async function printLine(value: object): Promise<void> {
  if (!process.stdout.write(`${JSON.stringify(value)}\n`)) await once(process.stdout, 'drain');
}
