/** Whether a client may list at all, and what it may see then. */
import type { Peer } from '../access/peer.js';
import { peerText } from '../access/peer.js';
import type { Access } from '../access/policy.js';
import { ApiError } from './error.js';

/** A call, as far as it tells who makes it. */
export interface PeerCall {
  getPeer(): string;
}

export interface AccessControl {
  /** Who calls. Null: the connection is gone. */
  peerOf(call: PeerCall): Peer | null;
  accessOf(peer: Peer): Access;
}

/** Throws ApiError ACCESS_DENIED or NO_CREDENTIALS. */
export function admit(control: AccessControl, peer: Peer | null): Access {
  if (peer === null) throw new ApiError('ACCESS_DENIED', 'the connection is gone');
  const access = control.accessOf(peer);
  if (access.list) return access;
  const message = `${peerText(peer)} may not list: the access policy does not say so`;
  const isAnonymous = peer.kind === 'tcp' && peer.certificate === null;
  throw new ApiError(isAnonymous ? 'NO_CREDENTIALS' : 'ACCESS_DENIED', message);
}
