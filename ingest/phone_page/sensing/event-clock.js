/**
 * The event time of readings: µs since the epoch that never go back, from the page's monotonic clock.
 *
 * `Date.now()` may jump (the network sets it) and has whole milliseconds only, so it only says where the monotonic
 * clock stands. When the two come apart (the wall clock was set, or the monotonic one stood still while the phone
 * slept), a new session begins with a new offset; within a session, times are never mended.
 */

/** Further apart than this, the clocks are no longer the same, ms. */
const JUMP_MS = 1_000;
/** Time stamps of events that far from now are not of the page's monotonic clock, ms; some browsers had such. */
const FOREIGN_MS = 60_000;

/**
 * @typedef {object} Clocks
 * @property {() => number} wall ms since the epoch.
 * @property {() => number} monotonic ms since `origin`.
 * @property {number} origin ms since the epoch.
 */

export class EventClock {
  #clocks;
  /** Event time minus monotonic time, ms. */
  #offset;

  /** @param {Clocks} clocks */
  constructor(clocks = { wall: () => Date.now(), monotonic: () => performance.now(), origin: performance.timeOrigin }) {
    this.#clocks = clocks;
    this.#offset = clocks.origin;
  }

  /** @returns {number} The event time now, µs. */
  now() {
    return this.#time(this.#clocks.monotonic());
  }

  /** @param {number} timeStamp An event's, ms. @returns {number} Its event time, µs. */
  at(timeStamp) {
    const now = this.#clocks.monotonic();
    return this.#time(Math.abs(now - timeStamp) > FOREIGN_MS ? now : timeStamp);
  }

  /** @returns {boolean} Whether the wall clock has jumped since the offset was taken. */
  hasJumped() {
    const { wall, monotonic } = this.#clocks;
    return Math.abs(wall() - monotonic() - this.#offset) > JUMP_MS;
  }

  /** Take the wall clock's word again; only between two sessions. */
  follow() {
    if (this.hasJumped()) this.#offset = this.#clocks.wall() - this.#clocks.monotonic();
  }

  /** @param {number} milliseconds @returns {number} */
  #time(milliseconds) {
    return Math.round((this.#offset + milliseconds) * 1_000);
  }
}
