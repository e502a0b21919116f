/** Keeps the screen on. A locked phone stops the page, and so the recording. */

/** @typedef {'off' | 'on' | 'absent' | 'rejected'} ScreenState */

export class ScreenKeeper {
  #onState;
  #isRequested = false;
  /** @type {WakeLockSentinel | null} */
  #lock = null;
  /** @type {ScreenState} */
  state = 'off';

  /** @param {() => void} onState */
  constructor(onState) {
    this.#onState = onState;
    // The browser releases the lock when the page is hidden.
    document.addEventListener('visibilitychange', () => {
      if (this.#isRequested && !document.hidden) this.#acquire();
    });
  }

  async keepOn() {
    this.#isRequested = true;
    await this.#acquire();
  }

  async release() {
    this.#isRequested = false;
    const lock = this.#lock;
    this.#lock = null;
    this.#setState('off');
    await lock?.release();
  }

  async #acquire() {
    if (!navigator.wakeLock) return this.#setState('absent');
    if (this.#lock && !this.#lock.released) return;
    try {
      const lock = await navigator.wakeLock.request('screen');
      if (!this.#isRequested) return void lock.release();
      this.#lock = lock;
      lock.addEventListener('release', () => {
        if (this.#isRequested && this.#lock === lock) this.#setState('rejected');
      });
      this.#setState('on');
    } catch (error) {
      // The page is hidden or the battery is low. The next attempt is made when the page is visible again.
      console.warn('could not keep the screen on', error);
      this.#setState('rejected');
    }
  }

  /** @param {ScreenState} state */
  #setState(state) {
    if (state === this.state) return;
    this.state = state;
    this.#onState();
  }
}
