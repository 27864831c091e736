/** Of one kind of look at the host. */
export interface LooksEffort {
  readonly count: number;
  /** Processor time that they took of all cores together, milliseconds. */
  readonly processorTime: number;
}

/** What the probe has used since it began. */
export interface Effort {
  /** Of all its threads, in user mode and in the kernel, milliseconds. */
  readonly processorTime: number;
  /** Memory that it occupies now, bytes. */
  readonly residentBytes: number;
  /** Looks at everything. */
  readonly scans: LooksEffort;
  /** Looks at a part. */
  readonly parts: LooksEffort;
}
