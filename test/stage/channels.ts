// ETHTOOL_GCHANNELS by ioctl(2): the kernel's own count of the queues attached to a tun device, asked
// in another way than src/kernel does, so that a test can compare.
import { closeSync } from 'node:fs';
import { ioctlStruct, socket } from './libc.js';

// linux/sockios.h, linux/ethtool.h
const SIOCETHTOOL = 0x8946;
const ETHTOOL_GCHANNELS = 0x3c;
const CHANNELS_SIZE = 9 * 4;
const COMBINED_COUNT = 8 * 4;

/** How many enabled queues are attached to a device of the netns that this thread is in. */
export function attachedQueues(device: string): number {
  const fd = socket();
  try {
    const channels = Buffer.alloc(CHANNELS_SIZE);
    channels.writeUInt32LE(ETHTOOL_GCHANNELS, 0);
    ioctlStruct('ETHTOOL_GCHANNELS', fd, SIOCETHTOOL, device, channels);
    return channels.readUInt32LE(COMBINED_COUNT);
  } finally {
    closeSync(fd);
  }
}
