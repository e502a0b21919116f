/** Spreads drawing over animation frames, so that the page stays responsive under load. */

/** Longest time for drawing in one frame, ms. */
const BUDGET_MS = 9;

export class FrameScheduler {
  /** @type {Set<{render: () => void}>} */
  #waiting = new Set();
  #scheduled = false;

  /** Render an item once, in one of the next frames. @param {{render: () => void}} item */
  request(item) {
    this.#waiting.add(item);
    this.#schedule();
  }

  /** Cancel a request. @param {{render: () => void}} item */
  cancel(item) {
    this.#waiting.delete(item);
  }

  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => this.#run());
  }

  #run() {
    this.#scheduled = false;
    const deadline = performance.now() + BUDGET_MS;
    for (const item of this.#waiting) {
      this.#waiting.delete(item);
      item.render();
      if (performance.now() >= deadline) break;
    }
    if (this.#waiting.size > 0) this.#schedule();
  }
}
