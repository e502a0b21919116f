/**
 * The event time of readings, in µs since the Unix epoch, from the page's monotonic clock.
 *
 * `Date.now()` may jump when the phone sets its clock, and its resolution is 1 ms. It therefore only sets the offset of the
 * monotonic clock. If the two clocks drift apart (the wall clock was set, or the monotonic clock stopped while the phone
 * slept), a new session begins with a new offset. Within a session, the offset never changes.
 */

/** A larger difference between the two clocks is a jump, ms. */
const JUMP_MS = 1_000;
/** A time stamp that differs more from now was not read from the page's monotonic clock, ms; some browsers do this. */
const FOREIGN_MS = 60_000;

/**
 * @typedef {object} Clocks
 * @property {() => number} wall ms since the Unix epoch.
 * @property {() => number} monotonic ms since `origin`.
 * @property {number} origin ms since the Unix epoch.
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

  /** @param {number} timeStamp Of an event, ms. @returns {number} Its event time, µs. */
  at(timeStamp) {
    const now = this.#clocks.monotonic();
    return this.#time(Math.abs(now - timeStamp) > FOREIGN_MS ? now : timeStamp);
  }

  /** @returns {boolean} Whether the wall clock has jumped since the offset was set. */
  hasJumped() {
    const { wall, monotonic } = this.#clocks;
    return Math.abs(wall() - monotonic() - this.#offset) > JUMP_MS;
  }

  /** Set the offset anew after a jump. Call it only between two sessions. */
  synchronise() {
    if (this.hasJumped()) this.#offset = this.#clocks.wall() - this.#clocks.monotonic();
  }

  /** @param {number} milliseconds @returns {number} */
  #time(milliseconds) {
    return Math.round((this.#offset + milliseconds) * 1_000);
  }
}
