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

/** At most so many operations, for at most so long. */
const OPERATIONS = 400;
const MILLISECONDS = 20_000;
/** To make a failure short. */
const PATIENCE = 90_000;

test('scenario 28: at each rest List and Watch say what is true', { skip }, async (t) => {
  setStage(t);
  const seed = randomInt(2 ** 31);
  t.diagnostic(`seed ${seed}`);
  const operations = generate(seed, OPERATIONS);
  const outcome = await run(operations, MILLISECONDS);
  const again = `npm run churn -- --seeds 1 --seed ${seed} --operations ${OPERATIONS}`;
  const report = await reportOf(again, operations, outcome, PATIENCE);
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
