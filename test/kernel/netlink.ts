// Builds rtnetlink datagrams by hand, as include/uapi/linux/netlink.h and if_link.h lay them out.

export interface MessageOptions {
  readonly type: number;
  readonly flags?: number;
}

export function message({ type, flags = 0 }: MessageOptions, body: Buffer): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt32LE(16 + body.length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(flags, 6);
  return padded(Buffer.concat([header, body]));
}

export const NEWLINK = 16;
export const ERROR = 2;
export const DONE = 3;
export const DUMP_INTR = 0x10;
/** Set on attributes that hold attributes. */
const NESTED = 0x8000;

/** RTM_NEWLINK: struct ifinfomsg, and attributes. */
export function link(ifindex: number, flags: number, ...attributes: Buffer[]): Buffer {
  const info = Buffer.alloc(16);
  info.writeInt32LE(ifindex, 4);
  info.writeUInt32LE(flags, 8);
  return Buffer.concat([info, ...attributes]);
}

export function attribute(type: number, value: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt16LE(4 + value.length, 0);
  header.writeUInt16LE(type, 2);
  return padded(Buffer.concat([header, value]));
}

export function nested(type: number, ...attributes: Buffer[]): Buffer {
  return attribute(type | NESTED, Buffer.concat(attributes));
}

export function text(value: string): Buffer {
  return Buffer.from(`${value}\0`, 'latin1');
}

export function u8(value: number): Buffer {
  return Buffer.from([value]);
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value | 0);
  return bytes;
}

export function u64(...values: bigint[]): Buffer {
  const bytes = Buffer.alloc(8 * values.length);
  for (const [i, value] of values.entries()) bytes.writeBigUInt64LE(value, 8 * i);
  return bytes;
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}
