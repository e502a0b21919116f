/** Readings become sessions and batches: what belongs together, and when it is handed on. */

/** So long a pause ends a session: a batch may not span more. */
const SESSION_PAUSE_US = 60_000_000;
/** Readings beyond this are rejected by the gateway with their whole batch, m/s²; no phone measures them. */
const LARGEST = 200;
/** A batch is handed on at this size although its time has not come, well below the 2,000 that are allowed. */
const MOST_READINGS = 1_000;
/** Timers of a page out of sight may come late: no batch spans more, µs. */
const LONGEST_BATCH_US = 30_000_000;

/**
 * @typedef {object} Columns Readings by column.
 * @property {number[]} times µs, strictly increasing.
 * @property {number[]} x m/s², Android's signs.
 * @property {number[]} y
 * @property {number[]} z
 *
 * @typedef {'start' | 'clock' | 'pause' | 'switch'} SessionReason Why a session begins.
 *
 * @typedef {object} RecorderHandlers
 * @property {(session: string, reason: SessionReason) => void} onSession A session begins.
 * @property {(session: string, columns: Columns) => void} onBatch Consecutive readings of a session.
 * @property {(session: string, until: number) => void} onEnd A session ended with the reading of that time.
 */

export class Recorder {
  #clock;
  #handlers;
  #session = '';
  #last = 0;
  /** @type {Columns} */
  #open = emptyColumns();
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  /** Readings that no accelerometer gives, and which were left out. */
  impossible = 0;

  /**
   * @param {import('./event-clock.js').EventClock} clock
   * @param {RecorderHandlers} handlers
   */
  constructor(clock, handlers) {
    this.#clock = clock;
    this.#handlers = handlers;
  }

  /** The present session's name; empty while nothing is recorded. */
  get session() {
    return this.#session;
  }

  /** Event time of the newest reading, µs. */
  get newest() {
    return this.#last;
  }

  /** @param {number} batchMilliseconds How often readings are handed on. */
  start(batchMilliseconds) {
    this.#begin('start');
    this.#timer = setInterval(() => this.flush(), batchMilliseconds);
  }

  stop() {
    clearInterval(this.#timer);
    this.#end();
  }

  /**
   * Change what is done with the readings, between two sessions.
   *
   * @param {() => void} change
   */
  renewWith(change) {
    const wasRecording = this.#session !== '';
    if (wasRecording) this.#end();
    change();
    if (wasRecording) this.#begin('switch');
  }

  /**
   * @param {number} timeStamp Of the event, ms.
   * @param {number} x In m/s², Android's signs.
   * @param {number} y
   * @param {number} z
   * @returns {number | null} Its event time, µs; null if it was left out.
   */
  take(timeStamp, x, y, z) {
    if (this.#session === '') return null;
    const [alongX, alongY, alongZ] = [Math.fround(x), Math.fround(y), Math.fround(z)]; // as they are on the wire
    if (!(alongX ** 2 + alongY ** 2 + alongZ ** 2 <= LARGEST ** 2)) {
      this.impossible += 1;
      return null;
    }
    if (this.#clock.hasJumped()) this.#follow('clock');
    else if (this.#last !== 0 && this.#clock.at(timeStamp) - this.#last > SESSION_PAUSE_US) this.#follow('pause');
    // Time stamps are rounded against fingerprinting: two events may have the same.
    const time = Math.max(this.#clock.at(timeStamp), this.#last + 1);
    this.#last = time;
    if (time - (this.#open.times[0] ?? time) > LONGEST_BATCH_US) this.flush();
    const { times } = this.#open;
    times.push(time);
    this.#open.x.push(x);
    this.#open.y.push(y);
    this.#open.z.push(z);
    if (times.length >= MOST_READINGS) this.flush();
    return time;
  }

  /** Hand on what has been gathered. */
  flush() {
    if (this.#open.times.length === 0) return;
    const columns = this.#open;
    this.#open = emptyColumns();
    this.#handlers.onBatch(this.#session, columns);
  }

  /** @param {SessionReason} reason */
  #follow(reason) {
    this.#end();
    this.#begin(reason);
  }

  /** @param {SessionReason} reason */
  #begin(reason) {
    this.#clock.follow();
    this.#session = sessionName(this.#clock.now());
    this.#last = 0;
    this.#handlers.onSession(this.#session, reason);
  }

  #end() {
    if (this.#session === '') return;
    this.flush();
    const session = this.#session;
    this.#session = '';
    this.#handlers.onEnd(session, this.#last);
  }
}

/** @returns {Columns} */
function emptyColumns() {
  return { times: [], x: [], y: [], z: [] };
}

/** @param {number} time µs. @returns {string} A name that no other session of this device has. */
function sessionName(time) {
  const random = [...crypto.getRandomValues(new Uint8Array(3))].map((byte) => byte.toString(16).padStart(2, '0'));
  return `p${Math.floor(time / 1_000)}-${random.join('')}`;
}
