// Short lists of operations that once showed a defect, of the program or of the churn itself.
import type { DeviceMode, Operation } from './operation.js';

const tap: DeviceMode = { tap: true, multiQueue: false, vnetHdr: false, packetInfo: false };
const multi: DeviceMode = { ...tap, multiQueue: true };

export const ONCE_FAILED: Readonly<Record<string, readonly Operation[]>> = {
  'a descriptor that survives an exec is in a child under its own number, too': [
    { do: 'start', process: 1 },
    { do: 'open', process: 1, fd: 2 },
    { do: 'attach', fd: 2, device: 'a', mode: tap },
    { do: 'keep', fd: 2 },
    { do: 'fork', process: 1, fds: [2], child: 3 },
    { do: 'rest' },
  ],
  'nothing leads into a namespace that only a file in flight keeps': [
    { do: 'start', process: 1 },
    { do: 'add-netns', netns: 'n0', number: 9 },
    { do: 'enter', process: 1, netns: 'n0' },
    { do: 'open', process: 1, fd: 2 },
    { do: 'attach', fd: 2, device: 'a', mode: tap },
    { do: 'enter', process: 1, netns: 'home' },
    { do: 'rest' },
    { do: 'delete-netns', netns: 'n0' },
    { do: 'rest' },
    { do: 'send', fd: 2, box: 0 },
    { do: 'close', fd: 2 },
    { do: 'rest' },
    { do: 'receive', process: 1, box: 0, fd: 3 },
    { do: 'rest' },
  ],
  'a thread stays in the namespace in which its process made it': [
    { do: 'start', process: 1 },
    { do: 'add-netns', netns: 'n0', number: 9 },
    { do: 'create', netns: 'n0', device: 'a', mode: tap },
    { do: 'enter', process: 1, netns: 'n0' },
    { do: 'thread', process: 1 },
    { do: 'enter', process: 1, netns: 'home' },
    { do: 'delete-netns', netns: 'n0' },
    { do: 'rest' },
    { do: 'kill', process: 1 },
    { do: 'rest' },
  ],
  'a file that is attached to nothing leads into the namespace in which it was opened': [
    { do: 'start', process: 1 },
    { do: 'add-netns', netns: 'n0', number: 9 },
    { do: 'enter', process: 1, netns: 'n0' },
    { do: 'open', process: 1, fd: 2 },
    { do: 'enter', process: 1, netns: 'home' },
    { do: 'create', netns: 'n0', device: 'a', mode: tap },
    { do: 'delete-netns', netns: 'n0' },
    { do: 'rest' },
  ],
  'a file that was a second queue asks for the ifindex of that number': [
    { do: 'start', process: 1 },
    { do: 'open', process: 1, fd: 2 },
    { do: 'attach', fd: 2, device: 'a', mode: multi },
    { do: 'open', process: 1, fd: 3 },
    { do: 'attach', fd: 3, device: 'a', mode: multi },
    { do: 'rest' },
    { do: 'delete', netns: 'home', device: 'a' },
    { do: 'attach', fd: 3, device: 'b', mode: tap },
    { do: 'rest' },
  ],
};
