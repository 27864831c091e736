/**
 * The grammar that probe and server speak over a stream of their own. Both sides validate: the
 * server, because the probe reads strangers' data; the probe, because it has the privileges.
 *
 * The server speaks first (`begin`); the probe is silent until then, so that nothing is lost while
 * the supervisor hands the stream over.
 */
import { z } from 'zod';
import { DENIED_DETAILS_MAX } from '../model/coverage.js';
import type { Effort } from '../model/effort.js';
import type { Observation } from '../model/observation.js';

const uint32 = z.int().min(0).max(0xffff_ffff);
const pid = z.int().min(1).max(0x7fff_ffff);
const count = z.int().min(0);
/** 64 bits of the kernel; beyond 2^53 not exact, which z.int() would refuse. */
const counter = z
  .number()
  .min(0)
  .lt(2 ** 64)
  .refine(Number.isInteger);
const text = z.string().max(64 * 1024);
const inode = z.int().min(1);
const errno = z.string().regex(/^[A-Z0-9_]{1,20}$/);
const resource = z.string().regex(/^netns\/(?:[0-9]+|inode-[0-9]+)\/devices\/[0-9]+$/);

const netns = z.strictObject({
  inode,
  cookie: z
    .string()
    .regex(/^[0-9]{1,20}$/)
    .nullable(),
  paths: z.array(text),
  initial: z.boolean(),
  pid: pid.nullable(),
  comm: text,
  container: text,
});

const device = z.strictObject({
  name: z.string().min(1).max(15),
  ifindex: z.int().min(1).max(0x7fff_ffff),
  kind: z.enum(['TUN', 'TAP', 'MACVTAP', 'IPVTAP']),
  netns,
  hardwareAddress: z.string().regex(/^(?:[0-9a-f]{2}(?::[0-9a-f]{2})*)?$/),
  mtu: uint32,
  up: z.boolean(),
  master: z.strictObject({ name: z.string().max(15), ifindex: uint32 }).nullable(),
  persistent: z.boolean(),
  multiQueue: z.boolean(),
  packetInfo: z.boolean(),
  vnetHdr: z.boolean(),
  ownerUid: uint32.nullable(),
  groupGid: uint32.nullable(),
  alias: text,
  statistics: z
    .strictObject({
      rxPackets: counter,
      txPackets: counter,
      rxBytes: counter,
      txBytes: counter,
      rxErrors: counter,
      txErrors: counter,
      rxDropped: counter,
      txDropped: counter,
    })
    .nullable(),
});

const process = z.strictObject({
  pid,
  startTime: count,
  ppid: count,
  comm: text,
  executable: text,
  commandLine: z.array(z.string()),
  uid: uint32,
  userName: text,
  gid: uint32,
  nsPids: z.array(pid),
  netns: netns.nullable(),
  cgroup: text,
});

const container = z.strictObject({
  kind: z.literal('container'),
  runtime: text,
  id: text,
  name: text,
  podUid: text,
  podName: text,
  podNamespace: text,
});

const workload = z.discriminatedUnion('kind', [
  container,
  z.strictObject({
    kind: z.literal('virtualMachine'),
    hypervisor: text,
    name: text,
    uuid: text,
    container: container.nullable(),
  }),
  z.strictObject({ kind: z.literal('systemdUnit'), unit: text, slice: text }),
]);

const binding = z.strictObject({
  name: resource,
  device,
  holders: z.array(
    z.strictObject({
      process,
      workload: workload.nullable(),
      fds: z
        .array(
          z.strictObject({
            fd: uint32,
            tid: pid.nullable(),
            queue: z.string().max(64),
            detached: z.boolean(),
            openedIn: netns.nullable(),
            evidence: z.enum(['IOCTL', 'BPF', 'NAME']),
            candidates: count,
          }),
        )
        .min(1),
    }),
  ),
  verdict: z.enum(['HELD', 'KEPT', 'UNHELD', 'HIDDEN', 'UNKNOWN']),
  hints: z.array(
    z.strictObject({
      kind: z.enum(['DESCRIPTOR_IN_FLIGHT', 'IO_URING', 'VHOST_NET']),
      pid,
      fd: uint32.nullable(),
      detail: text,
    }),
  ),
  reasons: z.array(
    z.strictObject({
      code: z.enum([
        'PROCESS_DENIED',
        'QUEUE_COUNT_UNAVAILABLE',
        'NAME_ONLY',
        'CHANGING',
        'OPEN_FILES_INDISTINGUISHABLE',
      ]),
      detail: text,
    }),
  ),
  queues: z.strictObject({
    attached: count.nullable(),
    disabled: count.nullable(),
    found: count,
  }),
});

const coverage = z.strictObject({
  processesSeen: count,
  processesDenied: count,
  deniedProcesses: z.array(z.strictObject({ pid, errno })).max(DENIED_DETAILS_MAX),
  netnsSeen: count,
  netnsDenied: count,
  deniedNetns: z.array(z.strictObject({ inode, errno })).max(DENIED_DETAILS_MAX),
  finder: z.enum(['PROC', 'BPF']),
  degraded: z.array(z.strictObject({ missing: text, cost: text, remedy: text })),
  unattachedFds: count,
  scanTime: z.number().min(0),
  scanDuration: z.number().min(0),
  triggers: z.array(
    z.strictObject({
      kind: z.enum(['RTNETLINK', 'FANOTIFY', 'PROCESS_CONNECTOR', 'PIDFD']),
      missing: text,
      losses: count,
      lastLoss: z.number().min(0).nullable(),
    }),
  ),
  scanInterval: z.number().min(0),
});

const observation: z.ZodType<Observation> = z.strictObject({
  full: z.boolean(),
  observedAt: z.number().min(0),
  bindings: z.array(binding),
  gone: z.array(resource),
  coverage,
});

const looksEffort = z.strictObject({ count, processorTime: z.number().min(0) });

const effort: z.ZodType<Effort> = z.strictObject({
  processorTime: z.number().min(0),
  residentBytes: count,
  scans: looksEffort,
  parts: looksEffort,
});

const scanId = z.int().min(1);

const fromProbe = z.discriminatedUnion('type', [
  /** Sent every second, so that silence means a hang. */
  z.strictObject({ type: z.literal('alive'), effort }),
  /** One look at the host; `answers` are the ids of the `scan` requests that it answers. */
  z.strictObject({
    type: z.literal('observation'),
    observation,
    answers: z.array(scanId),
  }),
]);

const fromServer = z.discriminatedUnion('type', [
  /** The first message: the probe may speak now. */
  z.strictObject({ type: z.literal('begin') }),
  /** Scan now; the observation from a scan that began after this one names `id` in `answers`. */
  z.strictObject({ type: z.literal('scan'), id: scanId }),
]);

export type FromProbe = z.infer<typeof fromProbe>;
export type FromServer = z.infer<typeof fromServer>;

/** A message of the other side that the grammar does not know. */
export class ChannelError extends Error {
  override readonly name = 'ChannelError';
}

function parse<T>(schema: z.ZodType<T>, json: string, sender: string): T {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new ChannelError(`${sender} sent what is not JSON`, { cause });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new ChannelError(
    `${sender} sent a message that does not fit: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
    { cause: result.error },
  );
}

export const parseFromProbe = (json: string): FromProbe => parse(fromProbe, json, 'the probe');
export const parseFromServer = (json: string): FromServer => parse(fromServer, json, 'the server');
