/** `tapmap/client`: what other programs import. */
export { listTapBindings } from './list-tap-bindings.js';
export type { ListTapBindingsOptions, TapBindingList } from './list-tap-bindings.js';
export { watchTapBindings } from './watch-tap-bindings.js';
export type {
  ResumePoint,
  TapBindingWatch,
  WatchTapBindingsOptions,
} from './watch-tap-bindings.js';
export type {
  ChangesEvent,
  ConnectedEvent,
  CoverageEvent,
  DisconnectedEvent,
  LiveBindings,
  ProgressEvent,
  SnapshotEvent,
  WatchEvent,
  WatchPosition,
} from './watch-event.js';
export type {
  BindingAdded,
  BindingChange,
  BindingModified,
  BindingMoved,
  BindingRemoved,
} from './change.js';
export type { BackoffOptions } from './backoff.js';
export { TapmapError } from './error.js';
export type { FieldViolation, TapmapErrorCode, TapmapErrorOptions } from './error.js';
export type { TapBindingFilterFields, TapBindingFilters } from './filter.js';
export type { ServerOptions } from './server.js';
export type { Pem, TlsOptions } from './tls.js';

// The messages of the schema; their comments say what is told, in which unit, and when it is unset.
export {
  DeviceKind,
  Evidence,
  HintKind,
  ReasonCode,
  Verdict,
} from '../gen/tapmap/v1/tap_binding.js';
export type {
  Container,
  Device,
  Hint,
  Holder,
  HolderFd,
  LastHolder,
  Master,
  Netns,
  Process,
  Queues,
  Reason,
  Statistics,
  SystemdUnit,
  TapBinding,
  VirtualMachine,
  Workload,
} from '../gen/tapmap/v1/tap_binding.js';
export { Finder, TriggerKind } from '../gen/tapmap/v1/coverage.js';
export type {
  Coverage,
  Degradation,
  DeniedNetns,
  DeniedProcess,
  Stale,
  Trigger,
} from '../gen/tapmap/v1/coverage.js';
export { SnapshotReason, View } from '../gen/tapmap/v1/tap_binding_service.js';
export type { ListSummary, TapBindingFilter } from '../gen/tapmap/v1/tap_binding_service.js';
