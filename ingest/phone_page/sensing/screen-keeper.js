/** Keeps the screen on: a locked phone stops the page, and with it the readings. */

/** @typedef {'off' | 'on' | 'absent' | 'rejected'} ScreenState */

export class ScreenKeeper {
  #onState;
  #wanted = false;
  /** @type {WakeLockSentinel | null} */
  #lock = null;
  /** @type {ScreenState} */
  state = 'off';

  /** @param {() => void} onState */
  constructor(onState) {
    this.#onState = onState;
    // The lock is lost whenever the page goes out of sight.
    document.addEventListener('visibilitychange', () => {
      if (this.#wanted && !document.hidden) this.#acquire();
    });
  }

  async keepOn() {
    this.#wanted = true;
    await this.#acquire();
  }

  async letGo() {
    this.#wanted = false;
    const lock = this.#lock;
    this.#lock = null;
    this.#become('off');
    await lock?.release();
  }

  async #acquire() {
    if (!navigator.wakeLock) return this.#become('absent');
    if (this.#lock && !this.#lock.released) return;
    try {
      const lock = await navigator.wakeLock.request('screen');
      if (!this.#wanted) return void lock.release();
      this.#lock = lock;
      lock.addEventListener('release', () => {
        if (this.#wanted && this.#lock === lock) this.#become('rejected');
      });
      this.#become('on');
    } catch (error) {
      // Out of sight, or the battery is low: tried again when the page is seen again.
      console.warn('the screen may go off', error);
      this.#become('rejected');
    }
  }

  /** @param {ScreenState} state */
  #become(state) {
    if (state === this.state) return;
    this.state = state;
    this.#onState();
  }
}
