/** What the kernel tells by itself, as one kind of thing: where something may have changed. */

/** Takes what triggers tell. None of it is truth: it says where to look. */
export interface Changes {
  /** Descriptors of this process may have changed, or the process itself. */
  readonly process: (pid: number) => void;
  /** This process has opened a device node: it may attach the file soon, of which nothing tells. */
  readonly opened: (pid: number) => void;
  /** This link may have changed, come or gone; `netnsInode` is its network namespace. */
  readonly link: (netnsInode: number, ifindex: number) => void;
  /** Any link of this network namespace may have: it was not listened to until now. */
  readonly netns: (netnsInode: number) => void;
  /** This network namespace has gone, and its links with it. */
  readonly netnsGone: (netnsInode: number) => void;
  /** It may be anywhere. */
  readonly everything: () => void;
}

export interface Trigger {
  /** Descriptors that can be read when there is something to tell. */
  readonly fds: Iterable<number>;
  /**
   * Tells what one of the descriptors has. Throws KernelError: ENOBUFS or EOVERFLOW when some of it was
   * lost, any other when the trigger is dead.
   */
  readonly tell: (fd: number, changes: Changes) => void;
  readonly close: () => void;
}
