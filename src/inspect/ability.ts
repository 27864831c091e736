/** Something that this kernel and these rights allow, or do not. */
export interface Ability {
  /** A capability, a system call, an ioctl. */
  readonly name: string;
  readonly purpose: string;
  readonly available: boolean;
  /** What cannot be told, or not for sure, without it. */
  readonly cost: string;
  readonly remedy: string;
}
