// Certificates for a test, made by openssl in its own directory: an issuer, and what it issues.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Issued {
  /** Paths of PEM files. */
  readonly certificate: string;
  readonly key: string;
}

export class Issuer {
  readonly certificate: string;
  readonly #key: string;

  constructor(
    readonly directory: string,
    readonly name: string,
  ) {
    this.certificate = this.#path('pem');
    this.#key = this.#path('key');
    openssl(
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...['-days', '2', '-subj', `/CN=${name}`, '-keyout', this.#key, '-out', this.certificate],
    );
  }

  /** `alternatives` as openssl takes them: `DNS:a,URI:b`; empty: a common name alone. */
  issue(file: string, alternatives: string, commonName = file): Issued {
    const certificate = join(this.directory, `${file}.pem`);
    const key = join(this.directory, `${file}.key`);
    const request = join(this.directory, `${file}.csr`);
    openssl(
      ...['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...['-subj', `/CN=${commonName}`, '-keyout', key, '-out', request],
      ...(alternatives === '' ? [] : ['-addext', `subjectAltName=${alternatives}`]),
    );
    openssl(
      ...['x509', '-req', '-in', request, '-CA', this.certificate, '-CAkey', this.#key],
      ...['-days', '1', '-copy_extensions', 'copy', '-out', certificate],
    );
    return { certificate, key };
  }

  #path(extension: string): string {
    return join(this.directory, `${this.name}.${extension}`);
  }
}

export function replace(target: Issued, by: Issued): void {
  writeFileSync(target.certificate, readFileSync(by.certificate));
  writeFileSync(target.key, readFileSync(by.key));
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
