/**
 * Calls back when nothing was heard for a while. Time counts only while this process ran itself: an
 * interval does not catch up, so a supervisor that was stopped for an hour and goes on has missed
 * one tick, not 3600.
 */
export class SilenceAlarm {
  readonly #timer: NodeJS.Timeout;
  #ticks = 0;
  #heard = false;

  /** `first` is the allowance until something is heard at all. All in milliseconds. */
  constructor(limits: { readonly first: number; readonly next: number }, onSilence: () => void) {
    const tick = Math.max(1, Math.min(limits.next / 10, 1000));
    this.#timer = setInterval(() => {
      this.#ticks++;
      if (this.#ticks * tick < (this.#heard ? limits.next : limits.first)) return;
      this.stop();
      onSilence();
    }, tick);
  }

  heard(): void {
    this.#ticks = 0;
    this.#heard = true;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
