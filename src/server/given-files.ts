/** Files that the supervisor reads for the server, and again when they change. */
import { DocumentError } from '../documents/error.js';
import { BUILT_IN_POLICY, parsePolicy, type AccessPolicy } from '../access/policy.js';
import type { FileName } from './config.js';
import { ServerError } from './error.js';
import type { TlsFiles } from './tls-gate.js';

/** What is in a file, or why it could not be read. */
interface GivenFile {
  readonly path: string;
  readonly text: string | null;
  /** Symbolic errno, such as EACCES; null when it was read. */
  readonly errno: string | null;
}

export type GivenFiles = Readonly<Partial<Record<FileName, GivenFile>>>;

/** Null: no TLS. Throws ServerError FILE. */
export function tlsFilesOf(files: GivenFiles): TlsFiles | null {
  if (files['tls-certificate'] === undefined) return null;
  return {
    certificate: textOf(files, 'tls-certificate'),
    key: textOf(files, 'tls-key'),
    clientCa: files['tls-client-ca'] === undefined ? null : textOf(files, 'tls-client-ca'),
  };
}

/** Throws ServerError FILE. */
export function policyOf(files: GivenFiles): AccessPolicy {
  const file = files['access-policy'];
  if (file === undefined) return BUILT_IN_POLICY;
  try {
    return parsePolicy(textOf(files, 'access-policy'));
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    throw new ServerError('FILE', `--access-policy ${file.path}: ${error.message}`, error);
  }
}

function textOf(files: GivenFiles, name: FileName): string {
  const file = files[name];
  if (file?.text === undefined || file.text === null) {
    const where = `--${name} ${file?.path ?? ''}`;
    throw new ServerError('FILE', `${where}: it cannot be read (${file?.errno ?? 'not given'})`);
  }
  return file.text;
}
