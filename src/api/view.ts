/** How much of a binding a client gets. */
import type { Access } from '../access/policy.js';
import { View as ViewMessage } from '../gen/tapmap/v1/tap_binding_service.js';
import type { FieldViolation } from './error.js';

export type View = 'BASIC' | 'FULL' | 'FULL_WITHOUT_COMMAND_LINES';

/** What of `view` a client with that access gets. */
export function visiblePart(view: View, { commandLines }: Pick<Access, 'commandLines'>): View {
  return view === 'FULL' && !commandLines ? 'FULL_WITHOUT_COMMAND_LINES' : view;
}

/** Paths of fields that the view has, but for the access policy. */
export function redactedFields(view: View): string[] {
  if (view !== 'FULL_WITHOUT_COMMAND_LINES') return [];
  return ['holders.process.command_line', 'last_holder.process.command_line'];
}

export function parseView(view: ViewMessage, violations: FieldViolation[]): View {
  if (view === ViewMessage.VIEW_FULL) return 'FULL';
  if (view !== ViewMessage.VIEW_BASIC && view !== ViewMessage.VIEW_UNSPECIFIED) {
    violations.push({ field: 'view', description: `there is no view ${view}` });
  }
  return 'BASIC';
}
