/** Reads google.rpc.Status out of a failed call. */
import assert from 'node:assert/strict';
import type { Metadata } from '@grpc/grpc-js';
import { BadRequest, ErrorInfo, RetryInfo } from '../../src/gen/google/rpc/error_details.js';
import { Status } from '../../src/gen/google/rpc/status.js';

export interface ErrorDetails {
  readonly status: Status;
  readonly reason: string;
  readonly domain: string;
  /** Fields that do not parse. */
  readonly fields: readonly string[];
  /** Milliseconds; null when there is no RetryInfo. */
  readonly retryAfter: number | null;
}

export function errorDetails({ metadata }: { readonly metadata: Metadata }): ErrorDetails {
  const [encoded] = metadata.get('grpc-status-details-bin');
  assert.ok(Buffer.isBuffer(encoded), 'there are no details');
  const status = Status.decode(encoded);
  const find = (type: string): Buffer | undefined =>
    status.details.find(({ typeUrl }) => typeUrl === `type.googleapis.com/google.rpc.${type}`)
      ?.value;
  const info = find('ErrorInfo');
  assert.ok(info, 'there is no ErrorInfo');
  const { reason, domain } = ErrorInfo.decode(info);
  const badRequest = find('BadRequest');
  const retryInfo = find('RetryInfo');
  const delay = retryInfo === undefined ? undefined : RetryInfo.decode(retryInfo).retryDelay;
  return {
    status,
    reason,
    domain,
    fields:
      badRequest === undefined
        ? []
        : BadRequest.decode(badRequest).fieldViolations.map(({ field }) => field),
    retryAfter: delay === undefined ? null : Number(delay.seconds) * 1000 + delay.nanos / 1e6,
  };
}
