/** The names in a certificate: X.509 subject alternative names, RFC 5280 4.2.1.6. */
import type { X509Certificate } from 'node:crypto';
import type { CertificateNames } from './peer.js';

export function certificateNames(certificate: X509Certificate): CertificateNames {
  return parseNames(certificate.subjectAltName ?? '', certificate.subject);
}

/**
 * `alternatives` is what Node says of them: `DNS:a, URI:b`, values with special characters as JSON strings.
 * `subject` has a line for each of its parts. What does not parse is no name.
 */
export function parseNames(alternatives: string, subject: string): CertificateNames {
  const dns: string[] = [];
  const uris: string[] = [];
  const entry = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, (?=.)|$)/y;
  let isWhole = alternatives === '';
  for (let match = entry.exec(alternatives); match !== null; match = entry.exec(alternatives)) {
    const value = unquoted(match[2]!);
    if (match[1] === 'DNS' && value !== null) dns.push(value.toLowerCase());
    if (match[1] === 'URI' && value !== null) uris.push(value);
    isWhole = entry.lastIndex === alternatives.length;
    if (isWhole) break;
  }
  // Of what is only half understood nothing is believed.
  if (!isWhole) return { dns: [], uris: [], commonName: null };
  return { dns, uris, commonName: alternatives === '' ? commonNameOf(subject) : null };
}

function unquoted(text: string): string | null {
  if (!text.startsWith('"')) return text;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'string' ? value : null;
  } catch {
    return null;
  }
}

/** Null also when there are several: which one is meant? */
function commonNameOf(subject: string): string | null {
  const names = subject.split('\n').filter((line) => line.startsWith('CN='));
  const [name] = names;
  return names.length === 1 && name !== undefined && name.length > 3 ? name.slice(3) : null;
}
