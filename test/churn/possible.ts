// Which operations can be carried out now: the others are left out.
import type { DeviceMode, NetnsName, Operation } from './operation.js';
import type { TrueDevice, TrueFile, TrueNetns, Truth } from './truth.js';

/** More would not fit into the socket that they are sent through. */
const MOST_IN_FLIGHT = 8;

export function isPossible(truth: Truth, operation: Operation): boolean {
  switch (operation.do) {
    case 'start':
      return !truth.processes.has(operation.process);
    case 'enter':
      return has(truth.agent(operation.process)) && has(enterable(truth, operation.netns));
    case 'open':
      return has(truth.agent(operation.process)) && !truth.named.has(operation.fd);
    case 'attach':
    case 'keep':
    case 'close':
      return has(truth.fd(operation.fd));
    case 'detach':
    case 'reattach': {
      const file = truth.fd(operation.fd)?.file;
      if (file?.device?.multiQueue !== true) return false;
      return file.detached === (operation.do === 'reattach');
    }
    case 'persist':
      return has(truth.fd(operation.fd)?.file.device);
    case 'dup':
      return has(truth.fd(operation.fd)) && !truth.named.has(operation.copy);
    case 'fork': {
      const parent = truth.agent(operation.process);
      return (
        has(parent) &&
        !truth.processes.has(operation.child) &&
        operation.fds.every((fd) => truth.fd(fd)?.process === parent)
      );
    }
    case 'thread':
    case 'exec':
      return has(truth.agent(operation.process));
    case 'kill':
      return truth.processes.has(operation.process);
    case 'send':
      return has(truth.fd(operation.fd)) && truth.boxes[operation.box]!.length < MOST_IN_FLIGHT;
    case 'receive':
      return (
        has(truth.agent(operation.process)) &&
        !truth.named.has(operation.fd) &&
        truth.boxes[operation.box]!.length > 0
      );
    case 'register':
      return has(truth.fd(operation.fd)) && !truth.rings.has(operation.ring);
    case 'close-ring': {
      const ring = truth.rings.get(operation.ring);
      return ring?.process.obeys === true && ring.tables.has(null);
    }
    case 'add-netns':
      return !has(truth.netns(operation.netns)) && !has(truth.netns(`#${operation.number}`));
    case 'delete-netns':
      return operation.netns !== 'home' && has(truth.netns(operation.netns)?.name);
    case 'create': {
      const netns = enterable(truth, operation.netns);
      return has(netns) && !has(truth.device(netns, operation.device));
    }
    case 'delete':
    case 'up':
    case 'down':
      return has(deviceOf(truth, operation));
    case 'rename': {
      const device = deviceOf(truth, operation);
      // Before Linux 6.2 a device that is up keeps its name.
      return has(device) && !device.up && !has(truth.device(device.netns, operation.to));
    }
    case 'move': {
      const device = deviceOf(truth, operation);
      const to = enterable(truth, operation.to);
      return (
        has(device) && has(to) && to !== device.netns && !has(truth.device(to, operation.device))
      );
    }
    case 'look':
    case 'rest':
      return true;
  }
}

export function deviceOf(
  truth: Truth,
  { netns, device }: { readonly netns: string; readonly device: string },
): TrueDevice | undefined {
  const found = enterable(truth, netns);
  return found === undefined ? undefined : truth.device(found, device);
}

/** One that there is a way into for the churn, too. */
function enterable(truth: Truth, name: NetnsName): TrueNetns | undefined {
  const netns = truth.netns(name);
  return netns !== undefined && truth.reach(netns) === 'yes' ? netns : undefined;
}

/**
 * What TUNSETIFF does: attaches to a device, makes one (`new`), or is refused. Source: tun_set_iff
 * and tun_attach of drivers/net/tun.c. The name is looked up where the file was opened.
 */
export function attaching(
  truth: Truth,
  file: TrueFile,
  name: string,
  mode: DeviceMode,
): TrueDevice | 'new' | 'refused' {
  if (file.device !== null) return 'refused';
  const device = truth.device(file.openedIn, name);
  if (device === undefined) return 'new';
  if (device.tap !== mode.tap || device.multiQueue !== mode.multiQueue) return 'refused';
  return !device.multiQueue && device.queues.size > 0 ? 'refused' : device;
}

function has<T>(thing: T | null | undefined): thing is T {
  return thing !== undefined && thing !== null;
}
