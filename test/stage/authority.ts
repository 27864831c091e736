/** Certificates for servers and clients of a test, made by openssl in a folder of its own. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** Paths of PEM files. */
export interface Identity {
  readonly certificate: string;
  readonly key: string;
}

export class Authority {
  readonly directory = mkdtempSync(join(tmpdir(), 'tapmap-tls-'));
  readonly certificate: string;
  readonly #key: string;

  /** Its files go with the test. */
  constructor(test: TestContext) {
    test.after(() => {
      rmSync(this.directory, { recursive: true });
    });
    const { certificate, key } = this.#made('ca', 'CA:TRUE', 'DNS:ca', 'ca', []);
    this.certificate = certificate;
    this.#key = key;
  }

  /** `names` as subjectAltName has them: `DNS:localhost,IP:127.0.0.1`; empty: a common name alone. */
  identity(file: string, names: string, commonName = file): Identity {
    const signer = ['-CA', this.certificate, '-CAkey', this.#key];
    return this.#made(file, 'CA:FALSE', names, commonName, signer);
  }

  #made(
    file: string,
    constraint: string,
    names: string,
    commonName: string,
    signer: readonly string[],
  ): Identity {
    const [certificate, key] = [`${file}.pem`, `${file}-key.pem`].map((name) =>
      join(this.directory, name),
    ) as [string, string];
    openssl(
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-keyout', key, '-out', certificate, '-days', '2', '-subj', `/CN=${commonName}`],
      ...['-addext', `basicConstraints=critical,${constraint}`],
      ...(names === '' ? [] : ['-addext', `subjectAltName=${names}`]),
      ...signer,
    );
    return { certificate, key };
  }
}

export function pem(path: string): Buffer {
  return readFileSync(path);
}

function openssl(...args: string[]): void {
  const { status, error, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`openssl ${args.join(' ')}: ${stderr}`);
}
