// What this machine keeps tapmap from seeing, one line each: what is missing, what still works
// without it, what to do. `tapmap doctor` says it in detail; this runs before anything is built.
import { closeSync, openSync, readFileSync } from 'node:fs';
import { release } from 'node:os';

const TUN = '/dev/net/tun';

// linux/capability.h
const CAPABILITIES = [
  [2, 'CAP_DAC_READ_SEARCH', "other users' /proc/PID/fd"],
  [12, 'CAP_NET_ADMIN', 'the netns a device is in now'],
  [19, 'CAP_SYS_PTRACE', "other users' open files"],
  [21, 'CAP_SYS_ADMIN', 'the devices of other network namespaces'],
];

/** @returns {boolean} whether the running kernel is at least `major.minor` */
function kernelIsAtLeast(major, minor) {
  const [, haveMajor, haveMinor] = /^(\d+)\.(\d+)/.exec(release()) ?? [undefined, 0, 0];
  return Number(haveMajor) > major || (Number(haveMajor) === major && Number(haveMinor) >= minor);
}

function kernelLimits() {
  const limits = [];
  if (!kernelIsAtLeast(5, 6)) {
    limits.push(
      `kernel ${release()} has no pidfd_getfd (5.6): holders are found by device name only and told as not proven`,
    );
  }
  if (!kernelIsAtLeast(5, 2)) {
    limits.push(
      `kernel ${release()} has no TUNGETDEVNETNS (5.2): where a moved device is now is told as not proven`,
    );
  }
  return limits;
}

function tunLimits() {
  try {
    closeSync(openSync(TUN, 'r+'));
    return [];
  } catch (error) {
    if (error.code === 'EACCES' || error.code === 'EPERM') return [];
    return [
      `${TUN} does not open (${error.code}): no TUN or TAP device can be made here, so there may be none to show; \`modprobe tun\`, or give the container the device`,
    ];
  }
}

function privilegeLimits() {
  const status = readFileSync('/proc/self/status', 'utf8');
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  const missing = CAPABILITIES.filter(([bit]) => ((effective >> BigInt(bit)) & 1n) === 0n);
  if (missing.length > 0) {
    const who = process.geteuid() === 0 ? 'root without all capabilities' : 'not root';
    const costs = missing.map(([, name, cost]) => `${name} (${cost})`).join(', ');
    return [
      `${who}: without ${costs} only this user's own processes and namespaces are seen in full, and the rest is told as not seen`,
    ];
  }
  if (!/^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'))) {
    return ['root of a user namespace only: what is outside it is told as not seen'];
  }
  return [];
}

/** @returns {string[]} the limits for serving; empty when everything can be seen */
export function limitsOfServing() {
  return [...kernelLimits(), ...tunLimits(), ...privilegeLimits()];
}

/** @returns {string[]} the limits for testing; the tests themselves skip with the reason */
export function limitsOfTesting() {
  const limits = [...kernelLimits(), ...tunLimits()];
  if (process.geteuid() !== 0) {
    limits.push(
      'not root: tests on the real kernel run inside `unshare -Urnm` where that is allowed, and are skipped with the reason where it is not',
    );
    try {
      closeSync(openSync(TUN, 'r+'));
    } catch (error) {
      if (error.code === 'EACCES' || error.code === 'EPERM') {
        limits.push(
          `${TUN} does not open for this user (${error.code}): tests that make devices are skipped; the usual mode is 0666`,
        );
      }
    }
  }
  return limits;
}
