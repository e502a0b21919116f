/** The readings of the last seconds, for the chart and the sample rate. */

const SPAN_US = 11_000_000;
const RATE_US = 2_000_000;
/** A longer pause is shown as a gap, µs. */
const GAP_US = 250_000;

export class TraceBuffer {
  /** @type {number[]} µs */
  #times = [];
  /** @type {number[][]} x, y, z in m/s². */
  #axes = [[], [], []];

  /** @param {number} time µs. @param {number} x m/s². @param {number} y @param {number} z */
  add(time, x, y, z) {
    if (time < (this.#times.at(-1) ?? 0)) this.clear(); // the clock was set back
    this.#times.push(time);
    for (const [axis, value] of [x, y, z].entries()) this.#axes[axis].push(value);
    if (this.#times[0] > time - 2 * SPAN_US) return;
    const old = this.#times.findIndex((known) => known > time - SPAN_US);
    for (const column of [this.#times, ...this.#axes]) column.splice(0, old);
  }

  clear() {
    for (const column of [this.#times, ...this.#axes]) column.length = 0;
  }

  /** @param {number} now Event time, µs. @returns {number} Readings per second, over the last 2 s. */
  rate(now) {
    const recent = this.#times.filter((time) => time > now - RATE_US);
    if (recent.length < 2) return 0;
    return (recent.length * 1e6) / RATE_US;
  }

  /** @param {number} now Event time, µs. @returns {number[][]} Rows of x, y, z (m/s²) of the last second. */
  lastSecond(now) {
    const first = this.#times.findIndex((time) => time > now - 1e6);
    if (first < 0) return [];
    return this.#times.slice(first).map((_, at) => this.#axes.map((axis) => axis[first + at]));
  }

  /** @returns {(number | null)[][]} Columns of time (s), x, y, z (m/s²); null in gaps. */
  columns() {
    /** @type {(number | null)[][]} */
    const columns = [[], [], [], []];
    for (const [at, time] of this.#times.entries()) {
      if (at > 0 && time - this.#times[at - 1] > GAP_US) {
        columns[0].push((this.#times[at - 1] + 1) / 1e6);
        for (const column of columns.slice(1)) column.push(null);
      }
      columns[0].push(time / 1e6);
      for (const axis of [0, 1, 2]) columns[axis + 1].push(this.#axes[axis][at]);
    }
    return columns;
  }
}
