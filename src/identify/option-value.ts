/**
 * The value of a long option, `--NAME VALUE` or `--NAME=VALUE`. Null when it is not given; empty when it is
 * given more than once, as which one counts is the program's own business. What comes after `--` is no
 * option.
 */
export function optionValue(args: readonly string[], name: string): string | null {
  const end = args.indexOf('--');
  const options = end === -1 ? args : args.slice(0, end);
  const values = options.flatMap((word, at) => {
    if (word === name) return [options[at + 1] ?? ''];
    return word.startsWith(`${name}=`) ? [word.slice(name.length + 1)] : [];
  });
  const [value = null, ...others] = values;
  return others.length > 0 ? '' : value;
}
