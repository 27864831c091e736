/** ListTapBindings: all bindings of one revision, in bounded messages. */
import type { Access } from '../access/policy.js';
import type { TapBinding } from '../gen/tapmap/v1/tap_binding.js';
import type { ListSummary, ListTapBindingsRequest } from '../gen/tapmap/v1/tap_binding_service.js';
import { ListTapBindingsResponse } from '../gen/tapmap/v1/tap_binding_service.js';
import type { StoreSnapshot } from '../store/binding-store.js';
import { bindingMessage } from './binding-message.js';
import { chunks, type Sized } from './chunks.js';
import type { ServiceContext } from './context.js';
import { coverageMessage } from './coverage-message.js';
import type { FieldViolation } from './error.js';
import { throwViolations } from './error.js';
import type { BindingFilter } from './filter.js';
import { parseFilters } from './filter.js';
import { bindingSize } from './message-size.js';
import { encodeResumeToken } from './resume-token.js';
import type { View } from './view.js';
import { parseView, visiblePart } from './view.js';

export interface ListPlan {
  readonly matches: BindingFilter;
  readonly view: View;
  /** Whether the access policy withholds command lines. */
  readonly redacted: boolean;
  readonly fresh: boolean;
}

/** Throws ApiError INVALID_REQUEST. */
export function parseListRequest(request: ListTapBindingsRequest, access: Access): ListPlan {
  const violations: FieldViolation[] = [];
  const matches = parseFilters(request.filter, violations);
  const view = parseView(request.view, violations);
  throwViolations(violations);
  const redacted = !access.commandLines;
  return { matches, view: visiblePart(view, access), redacted, fresh: request.fresh };
}

/** The encoded messages of the answer, made as they are asked for. The snapshot does not change meanwhile. */
export function listMessages(
  context: ServiceContext,
  snapshot: StoreSnapshot,
  plan: ListPlan,
): Generator<Buffer> {
  const selected = selectedBindings(context.node, snapshot, plan);
  return chunks(selected, context.limits, true, (bindings, next) => {
    const summary = next === null ? listSummary(snapshot, plan) : undefined;
    return Buffer.from(ListTapBindingsResponse.encode({ bindings, summary }).finish());
  });
}

function* selectedBindings(
  node: string,
  snapshot: StoreSnapshot,
  { matches, view }: ListPlan,
): Generator<Sized<TapBinding>> {
  for (const record of snapshot.records) {
    if (!matches(record)) continue;
    const item = bindingMessage(record, node, view);
    yield { item, size: bindingSize(item) };
  }
}

function listSummary(snapshot: StoreSnapshot, { view, redacted }: ListPlan): ListSummary {
  return {
    epoch: snapshot.epoch,
    revision: BigInt(snapshot.revision),
    resumeToken: encodeResumeToken({ ...snapshot, redacted }),
    coverage: coverageMessage(snapshot.coverage, view),
  };
}
