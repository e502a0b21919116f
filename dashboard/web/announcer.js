/** Tells screen readers about changed activities: seldom, and never one by one. */

const INTERVAL_MS = 8_000;
const NAMED_AT_MOST = 3;

export class Announcer {
  /** @type {Map<string, string>} */
  #changes = new Map();

  /** @param {HTMLElement} region A polite live region. */
  constructor(region) {
    this.region = region;
    setInterval(() => this.#speak(), INTERVAL_MS);
  }

  /** @param {string} device @param {string} title What it does now. */
  changed(device, title) {
    this.#changes.set(device, title);
  }

  #speak() {
    if (this.#changes.size === 0) return;
    this.region.textContent =
      this.#changes.size <= NAMED_AT_MOST
        ? [...this.#changes].map(([device, title]) => `${device}: ${title}`).join('. ')
        : `${this.#changes.size} devices changed their activity`;
    this.#changes.clear();
  }
}
