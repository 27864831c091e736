/** What differs between two revisions, as a program wants to have it. */
import type { TapBinding } from '../gen/tapmap/v1/tap_binding.js';

/** A binding that came: it is new, or has come to match the filter. */
export interface BindingAdded {
  readonly kind: 'added';
  readonly after: TapBinding;
  /** Resource name that the device had before it moved here, where the filter hid it; else empty. */
  readonly movedFrom: string;
  /** How many changes this one stands for. More than 1: this client did not read in time. */
  readonly coalesced: number;
}

/** A binding that went: it is gone, or no longer matches the filter. */
export interface BindingRemoved {
  readonly kind: 'removed';
  /** The last state that was known. */
  readonly before: TapBinding;
  readonly coalesced: number;
}

export interface BindingModified {
  readonly kind: 'modified';
  readonly before: TapBinding;
  readonly after: TapBinding;
  /** Which fields differ, as paths of the proto (`device.mtu`); null: it came with a snapshot. */
  readonly changedFields: readonly string[] | null;
  readonly coalesced: number;
}

/** A device that was moved to another network namespace: it has another resource name there. */
export interface BindingMoved {
  readonly kind: 'moved';
  readonly before: TapBinding;
  readonly after: TapBinding;
  readonly coalesced: number;
}

/** Changes of one revision are applied together: none of them can be seen without the others. */
export type BindingChange = BindingAdded | BindingRemoved | BindingModified | BindingMoved;
