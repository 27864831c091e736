/**
 * What the server may say to the supervisor, over Node's IPC channel. A closed set of exact
 * messages: the server talks to the network, so it is the less trusted of the two.
 */
import { z } from 'zod';

const probe = z.int().min(1);
const decimal = z.string().regex(/^[0-9]{1,20}$/);

const socketFile = z.strictObject({
  path: z.string().startsWith('/').max(107),
  /** st_dev and st_ino of stat(2); text, because an inode number may need 64 bits. */
  dev: decimal,
  ino: decimal,
});

const report = z.discriminatedUnion('type', [
  /** Sent every second, so that silence means a hang. */
  z.strictObject({ type: z.literal('alive') }),
  /** Every address is bound; `sockets` are the unix sockets among them. */
  z.strictObject({ type: z.literal('listening'), sockets: z.array(socketFile).max(64) }),
  /** The first observation of that probe has been applied. */
  z.strictObject({ type: z.literal('probe_healthy'), probe }),
  /** That probe cannot be used any more: silence, garbage, or a closed channel. */
  z.strictObject({ type: z.literal('probe_failed'), probe, reason: z.string().max(1000) }),
]);

export type Report = z.infer<typeof report>;
export type SocketFile = z.infer<typeof socketFile>;

/** Null for whatever is not exactly one of the messages. */
export function parseReport(message: unknown): Report | null {
  const result = report.safeParse(message);
  return result.success ? result.data : null;
}
