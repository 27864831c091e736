/** What a virtual machine is called. */
export interface MachineNames {
  /** Empty when not told. */
  readonly name: string;
  /** Empty when not told. */
  readonly uuid: string;
}

export interface RunningMachine extends MachineNames {
  readonly hypervisor: string;
}
