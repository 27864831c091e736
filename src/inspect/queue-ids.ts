/**
 * Ids of open files. The kernel has none, so an open file is known by a descriptor that holds it: a
 * new one is named after its oldest descriptor, so that servers and restarts agree, and keeps that
 * name while any descriptor of it stays.
 */
import { slotKey, type Attachment } from './attachment.js';
import type { OpenFile } from './open-files.js';

interface Known {
  readonly id: string;
  readonly device: string;
  readonly openedNetns: number | null;
  readonly nodeMinor: number | null;
}

export class QueueIds {
  readonly #known = new Map<string, Known>();
  /** What of `#known` is of each device; some of it may be another's by now. */
  readonly #slotsOf = new Map<string, string[]>();
  /** The device of each id that is known. */
  readonly #deviceOf = new Map<string, string>();

  /**
   * Names all open files of one scan: a list of files for each device key, the same key from scan to
   * scan. Remembers them for the next one. `keys`: the scan was of these devices only, and of all that
   * hold them; null: of all. Takes time for what was scanned, not for what is known.
   */
  assign(
    devices: ReadonlyMap<string, readonly OpenFile[]>,
    keys: ReadonlySet<string> | null = null,
  ): Map<OpenFile, string> {
    const ids = new Map<OpenFile, string>();
    const given = new Set<string>();
    const isUsed = (id: string) => {
      const device = this.#deviceOf.get(id);
      return given.has(id) || (keys !== null && device !== undefined && !keys.has(device));
    };
    const give = (file: OpenFile, id: string) => {
      ids.set(file, id);
      given.add(id);
    };
    // Where a descriptor number came to mean another file, the file that stayed on its device has
    // the better claim to the name.
    for (const moved of [false, true]) {
      for (const [device, files] of devices) {
        for (const file of files) {
          if (ids.has(file)) continue;
          const id = this.#kept(file, moved ? null : device, isUsed);
          if (id !== null) give(file, id);
        }
      }
    }
    // An id that was another file's a moment ago would make a new file look like one that moved.
    const isTaken = (id: string) => given.has(id) || this.#deviceOf.has(id);
    for (const files of devices.values()) {
      for (const file of files) if (!ids.has(file)) give(file, newId(file, isTaken));
    }
    for (const device of keys ?? [...this.#slotsOf.keys()]) this.#forget(device);
    this.#remember(devices, ids);
    return ids;
  }

  /** The id that a descriptor of the file had, on the same device unless `device` is null. */
  #kept(file: OpenFile, device: string | null, isUsed: (id: string) => boolean): string | null {
    for (const attachment of file) {
      const known = this.#known.get(slotKey(attachment));
      if (known === undefined || isUsed(known.id)) continue;
      if (device !== null && known.device !== device) continue;
      // What an open file never changes.
      const { openedNetns, nodeMinor } = attachment;
      if (known.openedNetns === openedNetns && known.nodeMinor === nodeMinor) return known.id;
    }
    return null;
  }

  #forget(device: string): void {
    for (const slot of this.#slotsOf.get(device) ?? []) {
      const known = this.#known.get(slot);
      if (known?.device !== device) continue;
      this.#known.delete(slot);
      this.#deviceOf.delete(known.id);
    }
    this.#slotsOf.delete(device);
  }

  #remember(devices: ReadonlyMap<string, readonly OpenFile[]>, ids: Map<OpenFile, string>): void {
    for (const [device, files] of devices) {
      const slots: string[] = [];
      for (const file of files) {
        const id = ids.get(file)!;
        this.#deviceOf.set(id, device);
        for (const attachment of file) {
          const { openedNetns, nodeMinor } = attachment;
          const slot = slotKey(attachment);
          this.#known.set(slot, { id, device, openedNetns, nodeMinor });
          slots.push(slot);
        }
      }
      this.#slotsOf.set(device, slots);
    }
  }
}

function newId(file: OpenFile, isTaken: (id: string) => boolean): string {
  const oldest = file.reduce((a, b) => (byAge(a, b) <= 0 ? a : b));
  const base = [oldest.startTime, oldest.tid ?? oldest.pid, oldest.fd]
    .map((number) => number.toString(36))
    .join('-');
  let id = base;
  for (let again = 2; isTaken(id); again++) id = `${base}.${again}`;
  return id;
}

function byAge(a: Attachment, b: Attachment): number {
  return a.startTime - b.startTime || a.pid - b.pid || a.fd - b.fd;
}
