/** Which bindings a client asked for. */
import { DeviceKind, Verdict } from '../gen/tapmap/v1/tap_binding.js';
import type { TapBindingFilter } from '../gen/tapmap/v1/tap_binding_service.js';
import type { Binding } from '../model/binding.js';
import { DEVICE_KIND, VERDICT } from './enums.js';
import type { FieldViolation } from './error.js';
import type { Violate } from './filter-field.js';
import { checkPid, ELEMENTS_MAX, parseEnum, parseGlob, moreThanTaken } from './filter-field.js';
import { holderTests } from './holder-filter.js';

export type BindingFilter = (binding: Binding) => boolean;

/**
 * A binding passes if it passes any of `filters`, or if there are none. Appends to `violations`
 * what does not parse, with paths such as `filter[0].device_name`.
 */
export function parseFilters(
  filters: readonly TapBindingFilter[],
  violations: FieldViolation[],
): BindingFilter {
  if (filters.length > ELEMENTS_MAX) {
    violations.push({ field: 'filter', description: moreThanTaken(filters.length) });
    return () => false;
  }
  const parsed = filters.map((filter, index) =>
    parseFilter(filter, (path, description) => {
      violations.push({ field: `filter[${index}].${path}`, description });
    }),
  );
  if (parsed.length === 0) return () => true;
  return (binding) => parsed.some((matches) => matches(binding));
}

function parseFilter(filter: TapBindingFilter, violate: Violate): BindingFilter {
  const tests = [...deviceTests(filter, violate), ...netnsTests(filter, violate)];
  if (filter.verdict.length > 0) {
    const verdicts = parseEnum('verdict', filter.verdict, Verdict, violate);
    tests.push(({ verdict }) => verdicts.has(VERDICT[verdict]));
  }
  if (filter.name !== '') {
    const { name } = filter;
    if (!/^netns\/[^/]+\/devices\/[0-9]+$/.test(name)) {
      violate('name', 'is not of the form netns/{cookie}/devices/{ifindex}');
    }
    tests.push((binding) => binding.name === name);
  }
  const ofHolder = holderTests(filter, violate);
  if (ofHolder.length > 0) {
    tests.push(({ holders }) => holders.some((holder) => ofHolder.every((test) => test(holder))));
  }
  return (binding) => tests.every((test) => test(binding));
}

function deviceTests(filter: TapBindingFilter, violate: Violate): BindingFilter[] {
  const tests: BindingFilter[] = [];
  if (filter.deviceName !== '') {
    const matches = parseGlob('device_name', filter.deviceName, violate);
    tests.push(({ device }) => matches(device.name));
  }
  if (filter.kind.length > 0) {
    const kinds = parseEnum('kind', filter.kind, DeviceKind, violate);
    tests.push(({ device }) => kinds.has(DEVICE_KIND[device.kind]));
  }
  if (filter.master !== '') {
    const matches = parseGlob('master', filter.master, violate);
    tests.push(({ device: { master } }) => master !== null && matches(master.name));
  }
  return tests;
}

function netnsTests(filter: TapBindingFilter, violate: Violate): BindingFilter[] {
  const tests: BindingFilter[] = [];
  if (filter.netnsInode !== 0n) {
    // Past 2^53 the number is no inode of nsfs, and what it is rounded to must not match one.
    const inode = Number(filter.netnsInode);
    tests.push(({ device }) => device.netns.inode === inode);
  }
  if (filter.netnsCookie !== 0n) {
    const cookie = filter.netnsCookie.toString();
    tests.push(({ device }) => device.netns.cookie === cookie);
  }
  if (filter.netnsPath !== '') {
    const path = filter.netnsPath;
    if (!path.startsWith('/')) violate('netns_path', 'is not an absolute path');
    const matches = parseGlob('netns_path', path, violate);
    tests.push(({ device }) => device.netns.paths.some(matches));
  }
  if (filter.netnsInitial) tests.push(({ device }) => device.netns.initial);
  if (filter.netnsPid !== 0) {
    const pid = filter.netnsPid;
    checkPid('netns_pid', pid, violate);
    tests.push(({ device }) => device.netns.pid === pid);
  }
  return tests;
}
