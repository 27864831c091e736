/** What grpc-js says when no connection comes about, in terms that a program can go by. */
import type { TapmapErrorCode } from './error.js';

export interface ConnectionFailure {
  readonly code: TapmapErrorCode;
  /** An errno of connect(2), or `TLS`; null: unsaid, or there was a connection. */
  readonly fault: string | null;
  /** The words without what is about grpc-js. */
  readonly details: string;
}

/** `words`: the details of the status UNAVAILABLE. */
export function connectionFailure(words: string): ConnectionFailure {
  const details = shortened(words);
  const errno = /\b(EACCES|EPERM|ENOENT|ECONNREFUSED|ENOTDIR)\b/.exec(words)?.[1];
  if (errno !== undefined) {
    const code = errno === 'EACCES' || errno === 'EPERM' ? 'PERMISSION_DENIED' : 'UNAVAILABLE';
    return { code, fault: errno, details };
  }
  const alert = /alert ([a-z ]+):.*SSL alert number (\d+)/s.exec(words);
  if (alert !== null && CERTIFICATE_ALERTS.has(Number(alert[2]))) {
    const told = `the certificate of this client is not accepted: ${alert[1] ?? ''}`;
    return { code: 'UNAUTHENTICATED', fault: 'TLS', details: told };
  }
  // Node's words for what X509_verify_cert(3) finds, and its own check of the name.
  if (alert === null && /\bcertificate\b|\bERR_TLS_CERT_ALTNAME/.test(words)) {
    return { code: 'UNTRUSTED_SERVER', fault: 'TLS', details };
  }
  // A server of Node's closes so when it does not know the certificate, or has as many connections as it allows;
  // one that wants TLS, too.
  if (details === 'Failed to connect') {
    const told =
      'it closes the connection at once: is it full, or does it want TLS, or another certificate?';
    return { code: 'UNAVAILABLE', fault: null, details: told };
  }
  const isTls = /\bSSL routines\b/.test(words);
  return { code: 'UNAVAILABLE', fault: isTls ? 'TLS' : null, details };
}

/** Those of RFC 8446, section 6, that are about the certificate of a client. */
const CERTIFICATE_ALERTS: ReadonlySet<number> = new Set([42, 43, 44, 45, 46, 48, 49, 116]);

/** Without the frame that grpc-js puts around the last error, and its time. */
function shortened(words: string): string {
  const last = /^No connection established\. Last error: (.*?)(?:\. Resolution note: .*)?$/s.exec(
    words,
  )?.[1];
  return (last ?? words)
    .replace(/\s*\(\d{4}-\d\d-\d\dT[\d:.]+Z\)\s*$/, '')
    .replace(/^Error(?: \[\w+\])?: /, '')
    .replace(/^[0-9A-F]+:error:[0-9A-F]+:SSL routines:\w*:([^:]+):.*$/s, 'TLS: $1')
    .trim();
}
