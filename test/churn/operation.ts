// What the churn does, as plain descriptions. Each names what it is about by a number or name that it was
// given when it came to be, so that any part of a list still means something: an operation whose
// subject is not there is left out.

/** `home`, the name of a namespace that the run made, or `#` and the number that it got when it was made. */
export type NetnsName = string;

/** How a device is made or attached to. */
export interface DeviceMode {
  readonly tap: boolean;
  readonly multiQueue: boolean;
  readonly vnetHdr: boolean;
  readonly packetInfo: boolean;
}

interface OfDevice {
  readonly netns: NetnsName;
  readonly device: string;
}

/** `fd` is a descriptor, by the number that the operation gave it which opened, copied or received it. */
export type Operation =
  /** A process that obeys comes to be, in the home namespace. */
  | { readonly do: 'start'; readonly process: number }
  /** Its first thread, and who it forks from then on, moves to another network namespace. */
  | { readonly do: 'enter'; readonly process: number; readonly netns: NetnsName }
  /** Opens /dev/net/tun in the network namespace that the process is in. */
  | { readonly do: 'open'; readonly process: number; readonly fd: number }
  /** TUNSETIFF, which may be refused. */
  | {
      readonly do: 'attach';
      readonly fd: number;
      readonly device: string;
      readonly mode: DeviceMode;
    }
  /** TUNSETQUEUE. */
  | { readonly do: 'detach' | 'reattach'; readonly fd: number }
  /** TUNSETPERSIST. */
  | { readonly do: 'persist'; readonly fd: number; readonly on: boolean }
  | { readonly do: 'dup'; readonly fd: number; readonly copy: number }
  /** The descriptor survives an exec. */
  | { readonly do: 'keep'; readonly fd: number }
  | { readonly do: 'close'; readonly fd: number }
  /** A child comes to be that inherits these descriptors and only holds them. It may outlive its parent. */
  | {
      readonly do: 'fork';
      readonly process: number;
      readonly fds: readonly number[];
      readonly child: number;
    }
  /** A thread comes to be that has a copy of the process's descriptor table for its own. */
  | { readonly do: 'thread'; readonly process: number }
  /** The process becomes a program that only holds what it kept. */
  | { readonly do: 'exec'; readonly process: number }
  | { readonly do: 'kill'; readonly process: number }
  /** A copy of the descriptor is in flight from here on. */
  | { readonly do: 'send'; readonly fd: number; readonly box: number }
  /** What was sent to the box first is received. */
  | {
      readonly do: 'receive';
      readonly process: number;
      readonly box: number;
      readonly fd: number;
    }
  /** An io_uring instance comes to be that keeps the file of the descriptor. */
  | { readonly do: 'register'; readonly fd: number; readonly ring: number }
  | { readonly do: 'close-ring'; readonly ring: number }
  | { readonly do: 'add-netns'; readonly netns: string; readonly number: number }
  /** Its name goes; it stays for as long as anything keeps it. */
  | { readonly do: 'delete-netns'; readonly netns: string }
  /** A persistent device that nobody holds, as `ip tuntap add` makes it. */
  | ({ readonly do: 'create'; readonly mode: DeviceMode } & OfDevice)
  | ({ readonly do: 'delete' } & OfDevice)
  | ({ readonly do: 'rename'; readonly to: string } & OfDevice)
  | ({ readonly do: 'move'; readonly to: NetnsName } & OfDevice)
  | ({ readonly do: 'up' | 'down' } & OfDevice)
  /** A List begins, and what follows happens meanwhile. */
  | { readonly do: 'look' }
  /** Everything rests: what List and Watch say is compared with what is true. */
  | { readonly do: 'rest' };

/** One line, which is TypeScript, too. */
export function written(operation: Operation): string {
  return JSON.stringify(operation)
    .replace(/"(\w+)":/g, ' $1: ')
    .replace(/"/g, "'");
}
