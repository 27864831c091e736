// Scenario 28: whatever happens to devices, namespaces and processes, and in whichever order, List and
// Watch say what is true. `npm run churn` does the same for longer.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { missing } from '../stage/ability.js';
import { setStage } from '../stage/stage.js';
import { generate } from './generate.js';
import { ONCE_FAILED } from './once-failed.js';
import { reportOf, run } from './report.js';

const skip = missing('root', 'tun', 'netns');

/** For as long as this the operations go on; what is under way is finished. */
const OPERATIONS = 200;
/** To make a failure short. */
const PATIENCE = 90_000;

test('scenario 28: at each rest List and Watch say what is true', { skip }, async (t) => {
  setStage(t);
  const seed = randomInt(2 ** 31);
  t.diagnostic(`seed ${seed}`);
  const operations = generate(seed, OPERATIONS);
  const outcome = await run(operations);
  const report = await reportOf(`Seed ${seed}`, operations, outcome, PATIENCE);
  assert.equal(report, null, report ?? '');
  t.diagnostic(`${outcome.operations} operations, ${outcome.rests} rests`);
});

for (const [name, operations] of Object.entries(ONCE_FAILED)) {
  test(`scenario 28: ${name}`, { skip }, async (t) => {
    setStage(t);
    const outcome = await run(operations);
    assert.equal(outcome.failure, null, outcome.failure?.message);
    assert.equal(outcome.rests, operations.filter((operation) => operation.do === 'rest').length);
  });
}
