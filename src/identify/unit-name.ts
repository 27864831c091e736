/** Names of systemd's units: systemd.unit(5), "String Escaping for Inclusion in Unit Names". */

/** `a\x2db` -> `a-b`. What is no such escape stays as it is. */
export function unescapeUnitName(name: string): string {
  const bytes = name
    // A plain dash stands for a slash.
    .replace(/-/g, '/')
    .replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number(`0x${hex}`)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
