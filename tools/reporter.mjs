// node:test's spec reporter, with the totals last and as its TAP reporter writes them (`# pass 12`),
// which is the form that machines read; spec itself puts the list of failures after them.
import { Readable } from 'node:stream';
import { spec as Spec } from 'node:test/reporters';

const TOTAL = /^(?:tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/;

export default async function* report(events) {
  const totals = [];
  async function* withoutTotals() {
    for await (const event of events) {
      const { type, data } = event;
      if (type === 'test:diagnostic' && data.nesting === 0 && TOTAL.test(data.message)) {
        totals.push(`# ${data.message}\n`);
      } else {
        yield event;
      }
    }
  }
  yield* Readable.from(withoutTotals()).compose(new Spec());
  yield `\n${totals.join('')}`;
}
