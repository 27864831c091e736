// Checks that dependencies point the way ARCHITECTURE.md says, and that anything was checked at all:
// with a TypeScript that it cannot read, dependency-cruiser silently looks at nothing.
import { cruise } from 'dependency-cruiser';
import extractConfig from 'dependency-cruiser/config-utl/extract-depcruise-options';
import extractTSConfig from 'dependency-cruiser/config-utl/extract-ts-config';

const options = await extractConfig('./.dependency-cruiser.cjs');
const { output } = await cruise(
  ['src', 'test', 'bench'],
  { ...options, validate: true },
  undefined,
  { tsConfig: extractTSConfig('tsconfig.json') },
);
const { totalCruised, violations } = output.summary;
const sources = output.modules.filter((module) => /^src\/.*\.ts$/.test(module.source));
for (const { rule, from, to } of violations) console.error(`${rule.name}: ${from} -> ${to}`);
if (sources.length === 0 || sources.every((module) => module.dependencies.length === 0)) {
  console.error('layers: no module was checked');
  process.exit(1);
}
console.log(`layers: ${totalCruised} modules, ${violations.length} violations`);
process.exit(violations.length === 0 ? 0 : 1);
