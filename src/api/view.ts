/** How much of a binding a client gets. */
import { View as ViewMessage } from '../gen/tapmap/v1/tap_binding_service.js';
import type { FieldViolation } from './error.js';

export type View = 'BASIC' | 'FULL';

export function parseView(view: ViewMessage, violations: FieldViolation[]): View {
  if (view === ViewMessage.VIEW_FULL) return 'FULL';
  if (view !== ViewMessage.VIEW_BASIC && view !== ViewMessage.VIEW_UNSPECIFIED) {
    violations.push({ field: 'view', description: `there is no view ${view}` });
  }
  return 'BASIC';
}
