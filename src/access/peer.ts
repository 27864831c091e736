/** Who is at the other end of a connection, as far as it can be proven. */
export type Peer = UnixPeer | TcpPeer;

interface UnixPeer {
  readonly kind: 'unix';
  /** As of connect(2): SO_PEERCRED and SO_PEERGROUPS, see unix(7). Null: the kernel did not tell. */
  readonly credentials: Credentials | null;
}

export interface Credentials {
  readonly uid: number;
  /** Primary and supplementary groups. */
  readonly gids: readonly number[];
  /** In the server's pid namespace; 0 when the peer is not in it. */
  readonly pid: number;
}

interface TcpPeer {
  readonly kind: 'tcp';
  readonly address: string;
  readonly port: number;
  /** Whether the listener is one of loopback without TLS. */
  readonly plaintext: boolean;
  /** By which it is called in the access policy. Null: it has shown no certificate. */
  readonly certificate: CertificateNames | null;
}

/** Names that a certificate was issued for: of a peer only when it has been verified. */
export interface CertificateNames {
  /** As in the certificate, in lower case. */
  readonly dns: readonly string[];
  readonly uris: readonly string[];
  /** Common name of the subject: used only by certificates that have no alternative name at all. */
  readonly commonName: string | null;
}

/** For people and logs. */
export function peerText(peer: Peer): string {
  if (peer.kind === 'unix') {
    if (peer.credentials === null) return 'a process that the kernel does not name';
    const { uid, pid } = peer.credentials;
    return `uid ${uid}${pid === 0 ? '' : ` (pid ${pid})`}`;
  }
  const name = peer.certificate === null ? undefined : namesOf(peer.certificate)[0];
  if (name !== undefined) return `the certificate of ${JSON.stringify(name)}`;
  return peer.certificate === null
    ? 'a client without a certificate'
    : 'a certificate without names';
}

/** All names that a rule may call it by. */
export function namesOf({ dns, uris, commonName }: CertificateNames): readonly string[] {
  const names = [...dns, ...uris];
  return names.length === 0 && commonName !== null ? [commonName] : names;
}
