// A QEMU that has its devices and runs nothing, spoken to by QMP: qemu/docs/interop/qmp-spec.
import type { HolderOptions } from '../stage/holder.js';
import type { Stage } from '../stage/stage.js';
import { until } from '../stage/until.js';
import { startProgram, type Program, type ProgramOptions } from './program.js';

// The smallest machine that QEMU has, spoken to on its standard input; `-S` leaves its processor stopped, so that it costs no time.
export const MACHINE = [
  ...['-M', 'microvm', '-accel', 'tcg', '-m', '16', '-nodefaults', '-display', 'none'],
  ...['-S', '-qmp', 'stdio'],
];

export class Qemu {
  readonly #program: Program;
  #commands = 0;

  constructor(program: Program) {
    this.#program = program;
  }

  get pid(): number {
    return this.#program.pid;
  }

  /** Resolves with the command's return value. @throws Error with what QEMU has against it */
  async execute(command: string, args: object = {}): Promise<void> {
    const id = `command-${++this.#commands}`;
    this.#program.stdin.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    const line = await until(`QEMU answers ${command}`, () =>
      this.#program.output.split('\n').find((text) => text.includes(`"id": "${id}"`)),
    );
    if (line.includes('"error"')) throw new Error(`QEMU: ${command}: ${line}`);
  }

  /** Has it end by itself. */
  async quit(): Promise<void> {
    await this.execute('quit');
    await this.#program.exited();
  }
}

/** Starts a machine; resolves when all devices of its command line are there. */
export async function qemu(
  stage: Stage,
  options: ProgramOptions & HolderOptions,
  args: readonly string[],
): Promise<Qemu> {
  const program = await startProgram(stage, ['qemu-system-x86_64', ...MACHINE, ...args], options);
  await program.says(/"QMP": /);
  const machine = new Qemu(program);
  await machine.execute('qmp_capabilities');
  return machine;
}
