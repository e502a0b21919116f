/** How long to wait before the next attempt: longer each time, and never all phones at once. */

const FIRST_MS = 400;
const LONGEST_MS = 30_000;

export class BackOff {
  #failures = 0;

  /** @param {number} atLeast ms that were asked for. @returns {number} ms to wait. */
  next(atLeast = 0) {
    const ceiling = Math.min(FIRST_MS * 2 ** Math.min(this.#failures, 20), LONGEST_MS);
    this.#failures += 1;
    const jittered = ceiling * (0.5 + Math.random() / 2);
    return atLeast > 0 ? Math.max(atLeast * (1 + Math.random() / 4), jittered) : jittered;
  }

  /** Something worked. */
  reset() {
    this.#failures = 0;
  }
}
