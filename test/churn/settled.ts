// Waits until the kernel is where the truth says. Closing and killing take effect a moment later than they
// return, when somebody else, such as the program under test, just looks at the same file.
import { until } from '../stage/until.js';
import { disabledQueuesIn, interfaceOf } from './kernel.js';
import type { Truth } from './truth.js';
import { devicesOf, inside } from './way-in.js';
import { deviceName } from './world.js';

/** What the churn holds to be true is not what the kernel says: a defect of the churn. */
class KernelDiffers extends Error {}

/** After an operation, so that the next one meets what it counts on. */
export async function settled(truth: Truth): Promise<void> {
  await noDifference(() => differenceOf(truth));
}

/**
 * The same for queues that are detached, which `settled` does not miss: an io_uring instance lets go of its
 * files after the process that had it is gone. It costs a process for each namespace: for an attach, which
 * takes their number into account, and before all is compared.
 */
export async function detachedSettled(truth: Truth): Promise<void> {
  await noDifference(() => disabledDifferenceOf(truth));
}

async function noDifference(differenceNow: () => string | null): Promise<void> {
  let difference = '';
  try {
    await until('the kernel is where the truth is', () => {
      difference = differenceNow() ?? '';
      return difference === '';
    });
  } catch (cause) {
    throw new KernelDiffers(difference, { cause });
  }
}

function disabledDifferenceOf(truth: Truth): string | null {
  for (const netns of truth.namespaces) {
    const expected = [...truth.devices].filter((device) => device.netns === netns);
    if (expected.length === 0 || truth.reach(netns) !== 'yes') continue;
    const actual = inside(truth, netns, disabledQueuesIn);
    for (const { name, queues } of expected) {
      const disabled = [...queues].filter(({ detached }) => detached).length;
      const found = actual.get(deviceName(name));
      if (found !== disabled) {
        return `${netns.name ?? `#${netns.number}`}/${name} has ${found} detached queues, not ${disabled}`;
      }
    }
  }
  return null;
}

function differenceOf(truth: Truth): string | null {
  for (const netns of truth.namespaces) {
    if (truth.reach(netns) !== 'yes') continue;
    const name = netns.name ?? `#${netns.number}`;
    let actual: ReturnType<typeof devicesOf>;
    try {
      actual = devicesOf(truth, netns);
    } catch (error) {
      // A device went while it was asked.
      return `${name}: ${String(error)}`;
    }
    const expected = [...truth.devices].filter((device) => device.netns === netns);
    for (const device of expected) {
      const found = actual.get(deviceName(device.name));
      if (found === undefined) return `${name}/${device.name} is missing`;
      if (found.up !== device.up) return `${name}/${device.name} is ${found.up ? 'up' : 'down'}`;
      const attached = [...device.queues].filter(({ detached }) => !detached).length;
      if (found.attached !== attached) {
        return `${name}/${device.name} has ${found.attached} attached queues, not ${attached}`;
      }
    }
    if (actual.size > expected.length) {
      return `${name} has ${[...actual.keys()].join(', ')}: ${expected.length} were expected`;
    }
  }
  for (const { process, tid, number, file } of truth.fds) {
    const expected = file.device === null ? '' : deviceName(file.device.name);
    let actual: string | null;
    try {
      actual = interfaceOf(process.pid, tid, number);
    } catch (error) {
      return `fd ${number} of ${process.pid}: ${String(error)}`;
    }
    if (actual !== expected) {
      return `fd ${number} of ${process.pid} is attached to '${actual ?? 'no tun file'}', not '${expected}'`;
    }
  }
  return null;
}
