// `npm run churn -- --seeds 10 --operations 2000 [--seed N] [--minutes N]`: the churn test for longer. Each
// seed meets a new tapmap; the first is N, or a random one, and the others follow it.
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { missing } from '../stage/ability.js';
import { watchForLeaks } from '../stage/leaks.js';
import { generate } from './generate.js';
import { reportOf, run } from './report.js';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '10' },
    operations: { type: 'string', default: '2000' },
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    /** To make each failure short. */
    minutes: { type: 'string', default: '10' },
  },
});

const reason = missing('root', 'tun', 'netns');
if (reason !== false) throw new Error(reason);

const first = Number(values.seed);
let operations = 0;
let rests = 0;
let failures = 0;
for (let seed = first; seed < first + Number(values.seeds); seed++) {
  const begin = performance.now();
  const checkLeaks = watchForLeaks();
  const list = generate(seed, Number(values.operations));
  const outcome = await run(list);
  await checkLeaks();
  operations += outcome.operations;
  rests += outcome.rests;
  const seconds = ((performance.now() - begin) / 1000).toFixed(0);
  console.log(
    `seed ${seed}: ${outcome.operations} operations, ${outcome.rests} rests, ${seconds} s${outcome.failure === null ? '' : ', FAILED: making it short'}`,
  );
  const report = await reportOf(`Seed ${seed}`, list, outcome, Number(values.minutes) * 60_000);
  if (report === null) continue;
  failures++;
  console.log(report);
}
console.log(`${operations} operations, ${rests} rests, ${failures} failures`);
process.exitCode = failures === 0 ? 0 : 1;
