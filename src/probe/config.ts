/** What the probe is told when it is started. */
import { z } from 'zod';
import { TRIGGER_NAMES } from '../live/trigger-kinds.js';

const config = z.strictObject({
  finder: z.enum(['auto', 'proc', 'bpf']),
  logLevel: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
  /** Percent of one core that scans may take while nothing is told. */
  scanBudget: z.number().positive().max(100),
  /** Triggers not to use. */
  withoutTriggers: z.array(z.enum(TRIGGER_NAMES)),
});

export type ProbeConfig = z.infer<typeof config>;

/** Throws when the supervisor passed something else: that is an error of the program. */
export function parseProbeConfig(json: string): ProbeConfig {
  return config.parse(JSON.parse(json));
}
