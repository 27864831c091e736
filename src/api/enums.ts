/** The model's names as the numbers of the enums of tapmap.v1. */
import { Finder, TriggerKind } from '../gen/tapmap/v1/coverage.js';
import {
  DeviceKind,
  Evidence,
  HintKind,
  ReasonCode,
  Verdict,
} from '../gen/tapmap/v1/tap_binding.js';
import type { FinderKind, TriggerKind as ModelTriggerKind } from '../model/coverage.js';
import type { DeviceKind as ModelDeviceKind } from '../model/device.js';
import type { Evidence as ModelEvidence } from '../model/holder.js';
import type {
  HintKind as ModelHintKind,
  ReasonCode as ModelReasonCode,
  Verdict as ModelVerdict,
} from '../model/verdict.js';

export const DEVICE_KIND: Readonly<Record<ModelDeviceKind, DeviceKind>> = {
  TUN: DeviceKind.DEVICE_KIND_TUN,
  TAP: DeviceKind.DEVICE_KIND_TAP,
  MACVTAP: DeviceKind.DEVICE_KIND_MACVTAP,
  IPVTAP: DeviceKind.DEVICE_KIND_IPVTAP,
};

export const EVIDENCE: Readonly<Record<ModelEvidence, Evidence>> = {
  IOCTL: Evidence.EVIDENCE_IOCTL,
  BPF: Evidence.EVIDENCE_BPF,
  NAME: Evidence.EVIDENCE_NAME,
};

export const VERDICT: Readonly<Record<ModelVerdict, Verdict>> = {
  HELD: Verdict.VERDICT_HELD,
  KEPT: Verdict.VERDICT_KEPT,
  UNHELD: Verdict.VERDICT_UNHELD,
  HIDDEN: Verdict.VERDICT_HIDDEN,
  UNKNOWN: Verdict.VERDICT_UNKNOWN,
};

export const HINT_KIND: Readonly<Record<ModelHintKind, HintKind>> = {
  DESCRIPTOR_IN_FLIGHT: HintKind.HINT_KIND_DESCRIPTOR_IN_FLIGHT,
  IO_URING: HintKind.HINT_KIND_IO_URING,
  VHOST_NET: HintKind.HINT_KIND_VHOST_NET,
};

export const REASON_CODE: Readonly<Record<ModelReasonCode, ReasonCode>> = {
  PROCESS_DENIED: ReasonCode.REASON_CODE_PROCESS_DENIED,
  QUEUE_COUNT_UNAVAILABLE: ReasonCode.REASON_CODE_QUEUE_COUNT_UNAVAILABLE,
  OPEN_FILES_INDISTINGUISHABLE: ReasonCode.REASON_CODE_OPEN_FILES_INDISTINGUISHABLE,
  NAME_ONLY: ReasonCode.REASON_CODE_NAME_ONLY,
  CHANGING: ReasonCode.REASON_CODE_CHANGING,
};

export const FINDER: Readonly<Record<FinderKind, Finder>> = {
  PROC: Finder.FINDER_PROC,
  BPF: Finder.FINDER_BPF,
};

export const TRIGGER_KIND: Readonly<Record<ModelTriggerKind, TriggerKind>> = {
  RTNETLINK: TriggerKind.TRIGGER_KIND_RTNETLINK,
  FANOTIFY: TriggerKind.TRIGGER_KIND_FANOTIFY,
  PROCESS_CONNECTOR: TriggerKind.TRIGGER_KIND_PROCESS_CONNECTOR,
  PIDFD: TriggerKind.TRIGGER_KIND_PIDFD,
};
