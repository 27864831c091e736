/** What all calls of the service share. */
import type { BindingStore } from '../store/binding-store.js';
import type { PeerCall } from './admission.js';
import type { ServiceEvents } from './events.js';
import type { FanOut } from './fan-out.js';
import type { Limits } from './limits.js';
import type { SharedMessages } from './shared-messages.js';

export interface ServiceContext {
  readonly store: BindingStore;
  /** Host name. */
  readonly node: string;
  /**
   * Resolves once an observation from a scan that began after the call has been applied to the
   * store; rejects when it cannot be had.
   */
  readonly scanNow: (signal: AbortSignal) => Promise<void>;
  /** Closes the connection that the call came by, with all that is on it. */
  readonly disconnect: (call: PeerCall) => void;
  readonly limits: Limits;
  /** How much one stream may have unread, as many as there are now, bytes. */
  readonly room: () => number;
  readonly fanOut: FanOut;
  readonly sharedMessages: SharedMessages;
  readonly events: ServiceEvents;
  /** Takes errors that no client is told of. */
  readonly log: (error: unknown, method: string) => void;
}
