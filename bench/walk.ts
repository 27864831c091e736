import { compiled } from './compiled.js';
import { Program } from './program.js';

/** The C loop that everything is measured against, as a process that walks when asked. */
export class Walk {
  readonly #program = new Program(compiled('walk'));
  /** What the last walk saw. */
  fds = 0;
  tunFds = 0;

  /** Walks once and gives the milliseconds it took, measured inside. */
  async run(): Promise<number> {
    this.#program.send('walk');
    const [nanoseconds = NaN, fds = 0, tunFds = 0] = (await this.#program.answer())
      .split(' ')
      .map(Number);
    this.fds = fds;
    this.tunFds = tunFds;
    return nanoseconds / 1e6;
  }

  end(): Promise<void> {
    return this.#program.end();
  }
}
