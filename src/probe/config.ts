/** What the probe is told when it is started. */
import { z } from 'zod';

const config = z.strictObject({
  finder: z.enum(['auto', 'proc']),
  logLevel: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
  /** Milliseconds from the start of one scan to the start of the next. */
  interval: z.int().min(1).default(1000),
});

export type ProbeConfig = z.infer<typeof config>;

/** Throws when the supervisor passed something else: that is an error of the program. */
export function parseProbeConfig(json: string): ProbeConfig {
  return config.parse(JSON.parse(json));
}
