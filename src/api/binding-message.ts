/** A stored binding as message TapBinding, in either view. */
import type {
  Device as DeviceMessage,
  LastHolder as LastHolderMessage,
  Statistics as StatisticsMessage,
  TapBinding,
} from '../gen/tapmap/v1/tap_binding.js';
import type { Device, Statistics } from '../model/device.js';
import type { LastHolder, StoredBinding } from '../store/record.js';
import { DEVICE_KIND, HINT_KIND, REASON_CODE, VERDICT } from './enums.js';
import { holderMessage, netnsMessage, processMessage, workloadMessage } from './holder-message.js';
import type { View } from './view.js';

/**
 * Characters of all command lines of one binding: a client takes messages of 4 MiB by default, and whoever
 * forks holders that have long ones must not keep it from all others.
 */
const COMMAND_LINES_MAX = 1024 * 1024;

/** `node` is the host name of the server. Every field is set explicitly, so that two compare well. */
export function bindingMessage(record: StoredBinding, node: string, view: View): TapBinding {
  const room = Math.floor(COMMAND_LINES_MAX / record.holders.length);
  return {
    name: record.name,
    node,
    device: deviceMessage(record.device, view),
    holders: record.holders.map((holder) => holderMessage(holder, view, room)),
    verdict: VERDICT[record.verdict],
    hints: record.hints.map(({ kind, pid, fd, detail }) => ({
      kind: HINT_KIND[kind],
      pid,
      fd: fd ?? undefined,
      detail,
    })),
    reasons: record.reasons.map(({ code, detail }) => ({ code: REASON_CODE[code], detail })),
    queues: {
      attached: record.queues.attached ?? undefined,
      disabled: record.queues.disabled ?? undefined,
      found: record.queues.found,
    },
    firstSeen: new Date(record.firstSeen),
    lastChanged: new Date(record.lastChanged),
    lastHolder: record.lastHolder === null ? undefined : lastHolderMessage(record.lastHolder, view),
  };
}

function deviceMessage(device: Device, view: View): DeviceMessage {
  const { statistics } = device;
  return {
    name: device.name,
    ifindex: device.ifindex,
    kind: DEVICE_KIND[device.kind],
    netns: netnsMessage(device.netns),
    hardwareAddress: device.hardwareAddress,
    mtu: device.mtu,
    up: device.up,
    master: device.master ?? undefined,
    persistent: device.persistent,
    multiQueue: device.multiQueue,
    packetInfo: device.packetInfo,
    vnetHdr: device.vnetHdr,
    ownerUid: device.ownerUid ?? undefined,
    groupGid: device.groupGid ?? undefined,
    alias: device.alias,
    statistics: view === 'BASIC' || statistics === null ? undefined : statisticsMessage(statistics),
  };
}

function statisticsMessage(statistics: Statistics): StatisticsMessage {
  return {
    rxPackets: BigInt(statistics.rxPackets),
    txPackets: BigInt(statistics.txPackets),
    rxBytes: BigInt(statistics.rxBytes),
    txBytes: BigInt(statistics.txBytes),
    rxErrors: BigInt(statistics.rxErrors),
    txErrors: BigInt(statistics.txErrors),
    rxDropped: BigInt(statistics.rxDropped),
    txDropped: BigInt(statistics.txDropped),
  };
}

function lastHolderMessage(last: LastHolder, view: View): LastHolderMessage {
  return {
    process: processMessage(last.process, view),
    workload: last.workload === null ? undefined : workloadMessage(last.workload),
    lastSeen: new Date(last.lastSeen),
  };
}
