/** Announces changed activities to screen readers, several at once. */

const INTERVAL_MS = 8_000;
/** If more devices have changed, only their number is announced. */
const MAX_NAMED = 3;

export class Announcer {
  /** @type {Map<string, string>} */
  #changes = new Map();

  /** @param {HTMLElement} region A polite live region. */
  constructor(region) {
    this.region = region;
    setInterval(() => this.#announce(), INTERVAL_MS);
  }

  /** @param {string} device @param {string} title Title of its new activity. */
  add(device, title) {
    this.#changes.set(device, title);
  }

  #announce() {
    if (this.#changes.size === 0) return;
    this.region.textContent =
      this.#changes.size <= MAX_NAMED
        ? [...this.#changes].map(([device, title]) => `${device}: ${title}`).join('. ')
        : `${this.#changes.size} devices changed their activity`;
    this.#changes.clear();
  }
}
