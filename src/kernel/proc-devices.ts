/** /proc/devices: the major numbers that drivers were given. See proc_devices(5). */
import { readBytes } from './descriptor.js';

/** Throws KernelError. */
export function readCharacterMajors(procRoot: string): Map<string, number> {
  return parseCharacterMajors(readBytes(`${procRoot}/devices`));
}

/** From driver name to major number. */
export function parseCharacterMajors(bytes: Buffer): Map<string, number> {
  const majors = new Map<string, number>();
  const [character = ''] = bytes.toString('utf8').split('Block devices:');
  for (const [, major, name] of character.matchAll(/^\s*(\d+) (.+)$/gm)) {
    majors.set(name!, Number(major));
  }
  return majors;
}
