/** All in milliseconds. */
export interface Timing {
  /** First and longest wait before a restart. */
  readonly backoffFirst: number;
  readonly backoffLimit: number;
  /** How long a server may take until it is first heard of, and be silent after that. */
  readonly serverStart: number;
  readonly serverSilence: number;
  /** How long a server that was asked to drain may take. */
  readonly drain: number;
  /** How long a probe may take to end by itself. */
  readonly probeEnd: number;
  /** How often the server's files are looked at; twice that later a change is read. */
  readonly fileCheck: number;
}

export const TIMING: Timing = {
  backoffFirst: 100,
  backoffLimit: 5000,
  serverStart: 30_000,
  serverSilence: 10_000,
  // The server's own grace is 5 s.
  drain: 7000,
  probeEnd: 1000,
  fileCheck: 1000,
};
