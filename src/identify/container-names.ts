/** What the state directory of an engine tells of one container. */
export interface ContainerNames {
  readonly id: string;
  /** Where the engine put it, in the notation of config-linux.md; null when it does not tell. */
  readonly cgroupsPath: string | null;
  /** Empty when not told; likewise the rest. */
  readonly name: string;
  readonly podUid: string;
  readonly podName: string;
  readonly podNamespace: string;
}
