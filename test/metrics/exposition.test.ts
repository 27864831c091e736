import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePage } from './exposition.js';

const GOOD = `# HELP a_total How many
# TYPE a_total counter
a_total{kind="x"} 1
a_total{kind="y"} 0.5

# HELP b_seconds How long
# TYPE b_seconds histogram
b_seconds_bucket{le="1"} 1
b_seconds_bucket{le="+Inf"} 2
b_seconds_sum 3
b_seconds_count 2
`;

test('a page that is right is read', () => {
  const families = parsePage(GOOD);
  assert.deepEqual([...families.keys()], ['a_total', 'b_seconds']);
  assert.deepEqual(families.get('a_total')?.samples[0], {
    name: 'a_total',
    labels: new Map([['kind', 'x']]),
    value: 1,
  });
});

for (const [what, from, to] of [
  ['a counter without its suffix', /a_total/g, 'a'],
  ['a gauge with that suffix', 'a_total counter', 'a_total gauge'],
  ['a family without a help', '# HELP a_total How many\n', ''],
  ['a help of another', '# HELP a_total', '# HELP c_total'],
  ['a family twice', /b_seconds/g, 'a_total'],
  ['a series twice', 'kind="y"', 'kind="x"'],
  ['a label twice', 'kind="y"', 'kind="y",kind="y"'],
  ['a label that does not end', 'kind="y"', 'kind="y'],
  ['a value that is no number', '0.5', '0,5'],
  ['a counter below 0', '0.5', '-0.5'],
  ['a sample of another family', 'b_seconds_sum', 'c_seconds_sum'],
  ['a unit that is no base unit', /b_seconds/g, 'b_milliseconds'],
  ['buckets that do not cumulate', '{le="1"} 1', '{le="1"} 3'],
  ['a count that is not the last bucket', 'count 2', 'count 3'],
  ['a last line without an end', /\n$/, ''],
] as const) {
  test(`a page is refused for ${what}`, () => {
    const page = GOOD.replace(from, to);
    assert.notEqual(page, GOOD);
    assert.throws(() => parsePage(page), Error);
  });
}
