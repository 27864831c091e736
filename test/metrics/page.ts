// A scrape, as Prometheus makes one.
import { request, type IncomingMessage, type RequestOptions } from 'node:http';
import { text } from 'node:stream/consumers';
import { parsePage, type Family } from './exposition.js';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** `where` has `socketPath`, or `host` and `port`. */
export async function ask(where: RequestOptions): Promise<Answer> {
  const message = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ path: '/metrics', agent: false, timeout: 10_000, ...where }, resolve)
      .on('error', reject)
      .on('timeout', () => {
        reject(new Error('no answer'));
      })
      .end();
  });
  return { status: message.statusCode ?? 0, headers: message.headers, body: await text(message) };
}

/** The metrics of one moment. */
export class Page {
  constructor(readonly families: ReadonlyMap<string, Family>) {}

  static async of(where: RequestOptions): Promise<Page> {
    const { status, body } = await ask(where);
    if (status !== 200) throw new Error(`status ${status}: ${body}`);
    return new Page(parsePage(body));
  }

  /** Of the one series with these labels; undefined when there is none. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    const family = this.families.get(name.replace(/_(?:count|sum|bucket)$/, ''));
    const found = family?.samples.filter(
      (sample) =>
        sample.name === name &&
        sample.labels.size === Object.keys(labels).length &&
        Object.entries(labels).every(([label, value]) => sample.labels.get(label) === value),
    );
    return found?.[0]?.value;
  }
}
