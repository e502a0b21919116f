/** Exponential back-off with jitter. */

const FIRST_MS = 400;
const MAX_MS = 30_000;

export class BackOff {
  #failures = 0;
  #maximum;

  /** @param {number} maximum Longest delay that the page chooses, ms. */
  constructor(maximum = MAX_MS) {
    this.#maximum = maximum;
  }

  /**
   * @param {number} minimum ms that the server asked for; 0 for none.
   * @returns {number} ms to wait before the next attempt.
   */
  next(minimum = 0) {
    const ceiling = Math.min(FIRST_MS * 2 ** Math.min(this.#failures, 20), this.#maximum);
    this.#failures += 1;
    // Jitter: many pages must not reconnect to a restarted server at the same time.
    const jittered = ceiling * (0.5 + Math.random() / 2);
    return minimum > 0 ? Math.max(minimum * (1 + Math.random() / 4), jittered) : jittered;
  }

  /** Start anew after a success. */
  reset() {
    this.#failures = 0;
  }
}
