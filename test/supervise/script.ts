/** What the stand-in probe is told to do. */
export interface Script {
  readonly mode: 'normal' | 'silent' | 'garbage' | 'half' | 'crash';
  /** Names of the devices that it sees. */
  readonly devices: readonly string[];
}
