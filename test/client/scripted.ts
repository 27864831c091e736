/** Messages of a watch stream for servers that follow a script. */
import { status, type StatusObject } from '@grpc/grpc-js';
import { RetryInfo } from '../../src/gen/google/rpc/error_details.js';
import { TapBinding } from '../../src/gen/tapmap/v1/tap_binding.js';
import {
  ChangeType,
  SnapshotReason,
  WatchTapBindingsResponse,
} from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { failure } from '../cli/stage.js';

/** `resumeToken`: with it, something is complete. */
function message(
  event: WatchTapBindingsResponse['event'],
  resumeToken = '',
): WatchTapBindingsResponse {
  return { epoch: 'e1', revision: 5n, resumeToken, observeTime: new Date(0), event };
}

export function added(name: string, resumeToken: string, node = ''): WatchTapBindingsResponse {
  const binding = TapBinding.fromPartial({ name, node });
  const type = ChangeType.CHANGE_TYPE_ADDED;
  const change = { type, binding, changedFields: undefined, coalesced: 1, movedFrom: '' };
  return message({ $case: 'changes', value: { changes: [change], more: false } }, resumeToken);
}

/** Of no binding at all. */
export function emptySnapshot(resumeToken: string): WatchTapBindingsResponse[] {
  const reason = SnapshotReason.SNAPSHOT_REASON_INITIAL;
  return [
    message({ $case: 'snapshotBegin', value: { reason } }),
    message({ $case: 'snapshotEnd', value: {} }, resumeToken),
  ];
}

/** A status that asks to be tried again after so many milliseconds. */
export function retryAfter(
  milliseconds: number,
  code = status.UNAVAILABLE,
  words = 'starting',
): StatusObject & Error {
  const retryDelay = { seconds: 0n, nanos: milliseconds * 1e6 };
  const value = RetryInfo.encode({ retryDelay }).finish();
  return failure(code, words, [{ type: 'RetryInfo', value }]);
}
