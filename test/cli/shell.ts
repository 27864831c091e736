// An interactive shell on a terminal of its own, with `tapmap` in its PATH and the completion loaded, and a person
// who types and presses Tab.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '../stage/until.js';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const CLEAR_LINE = '\x15';
const TAB = '\t';
const SHOW_LINE = '\x14';

/** How each is started without anybody's own settings, and what makes Ctrl-T show the line. */
const SHELLS = {
  bash: {
    start: 'bash --norc --noprofile -i',
    prepare: String.raw`source <(tapmap completion bash)
bind -x '"\C-t": printf "\n<%s>\n" "$READLINE_LINE"'`,
  },
  zsh: {
    start: 'zsh -f -i',
    prepare: String.raw`autoload -U compinit; compinit -u -D
source <(tapmap completion zsh)
show() { print -r -- $'\n'"<$BUFFER>" }; zle -N show; bindkey '^T' show`,
  },
};

export class Shell {
  readonly #directory = mkdtempSync(join(tmpdir(), 'tapmap-shell-'));
  readonly #child: ChildProcess;
  #output = '';

  private constructor(start: string, env: Readonly<Record<string, string>>) {
    symlinkSync(MAIN, join(this.#directory, 'tapmap'));
    const PATH = `${this.#directory}:${process.env['PATH'] ?? ''}`;
    this.#child = spawn('script', ['--quiet', '--command', start, '/dev/null'], {
      env: { ...process.env, TERM: 'dumb', PS1: '$ ', HOME: this.#directory, ...env, PATH },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child.stdout?.on('data', (text: Buffer) => {
      this.#output += text.toString();
    });
  }

  static async start(
    name: keyof typeof SHELLS,
    env: Readonly<Record<string, string>> = {},
  ): Promise<Shell> {
    const { start, prepare } = SHELLS[name];
    const shell = new Shell(start, env);
    // What it echoes has the quotes in it.
    shell.#type(`${prepare}\necho rea''dy\n`);
    await until('the shell is ready', () => /ready\r?\n/.test(shell.#output), 20_000);
    return shell;
  }

  /** What stands on the line after `typed` and Tab. */
  async completed(typed: string): Promise<string> {
    this.#output = '';
    this.#type(CLEAR_LINE + typed + TAB + SHOW_LINE);
    const shown = () => /\n<(.*)>\r?\n/.exec(this.#output)?.[1];
    return until(`the shell completes ${typed}`, shown, 20_000);
  }

  #type(text: string): void {
    this.#child.stdin?.write(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('close', resolve));
    this.#type(`${CLEAR_LINE}exit\n`);
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
    await ended;
    clearTimeout(timer);
    rmSync(this.#directory, { recursive: true });
  }
}
