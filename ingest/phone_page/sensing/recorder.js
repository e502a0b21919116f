/** Groups readings into sessions and batches. */

/** A longer pause ends the session, µs. The gateway accepts no batch with a longer span. */
const SESSION_PAUSE_US = 60_000_000;
/** The largest magnitude of a reading, m/s². The gateway rejects a batch with a larger one; no phone measures it. */
const MAX_ACCELERATION = 200;
/** A batch is closed early at this size; the gateway accepts 2,000 readings. */
const MAX_READINGS = 1_000;
/** A batch is closed early at this span, µs: the browser delays the timers of hidden pages. */
const MAX_BATCH_US = 30_000_000;

/**
 * @typedef {object} Columns Readings by column.
 * @property {number[]} times µs, strictly increasing.
 * @property {number[]} x m/s², Android's signs.
 * @property {number[]} y
 * @property {number[]} z
 *
 * @typedef {'start' | 'clock' | 'pause' | 'switch'} SessionReason Why a session begins: the recording starts, the clock
 *   jumped, a pause was too long, or a setting changed.
 *
 * @typedef {object} RecorderHandlers
 * @property {(session: string, reason: SessionReason) => void} onSession A session has begun.
 * @property {(session: string, columns: Columns) => void} onBatch The next readings of a session.
 * @property {(session: string, until: number) => void} onEnd A session ended; `until` is its last event time, µs.
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
  /** Number of dropped readings that were not finite or too large. */
  dropped = 0;

  /**
   * @param {import('./event-clock.js').EventClock} clock
   * @param {RecorderHandlers} handlers
   */
  constructor(clock, handlers) {
    this.#clock = clock;
    this.#handlers = handlers;
  }

  /** The current session's name; empty when not recording. */
  get session() {
    return this.#session;
  }

  /** Event time of the session's newest reading, µs; 0 before the first. */
  get newest() {
    return this.#last;
  }

  /** @param {number} batchMilliseconds Time span of a batch, ms. */
  start(batchMilliseconds) {
    this.#begin('start');
    this.#timer = setInterval(() => this.flush(), batchMilliseconds);
  }

  stop() {
    clearInterval(this.#timer);
    this.#end();
  }

  /**
   * End the session, call `change`, and begin another session.
   *
   * @param {() => void} change
   */
  changeBetweenSessions(change) {
    const wasRecording = this.#session !== '';
    if (wasRecording) this.#end();
    change();
    if (wasRecording) this.#begin('switch');
  }

  /**
   * @param {number} timeStamp Of the event, ms.
   * @param {number} x m/s², Android's signs.
   * @param {number} y
   * @param {number} z
   * @returns {number | null} The reading's event time, µs; null if it was dropped.
   */
  add(timeStamp, x, y, z) {
    if (this.#session === '') return null;
    const [alongX, alongY, alongZ] = [Math.fround(x), Math.fround(y), Math.fround(z)]; // float32, as in messages
    // The condition is also false for NaN.
    if (!(alongX ** 2 + alongY ** 2 + alongZ ** 2 <= MAX_ACCELERATION ** 2)) {
      this.dropped += 1;
      return null;
    }
    if (this.#clock.hasJumped()) this.#restart('clock');
    else if (this.#last !== 0 && this.#clock.at(timeStamp) - this.#last > SESSION_PAUSE_US) this.#restart('pause');
    // Browsers round time stamps against fingerprinting, so two events may have the same one.
    const time = Math.max(this.#clock.at(timeStamp), this.#last + 1);
    this.#last = time;
    if (time - (this.#open.times[0] ?? time) > MAX_BATCH_US) this.flush();
    const { times } = this.#open;
    times.push(time);
    this.#open.x.push(x);
    this.#open.y.push(y);
    this.#open.z.push(z);
    if (times.length >= MAX_READINGS) this.flush();
    return time;
  }

  /** Close the open batch. */
  flush() {
    if (this.#open.times.length === 0) return;
    const columns = this.#open;
    this.#open = emptyColumns();
    this.#handlers.onBatch(this.#session, columns);
  }

  /** @param {SessionReason} reason */
  #restart(reason) {
    this.#end();
    this.#begin(reason);
  }

  /** @param {SessionReason} reason */
  #begin(reason) {
    this.#clock.synchronise();
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

/** @param {number} time µs. @returns {string} A unique name. */
function sessionName(time) {
  const random = [...crypto.getRandomValues(new Uint8Array(3))].map((byte) => byte.toString(16).padStart(2, '0'));
  return `p${Math.floor(time / 1_000)}-${random.join('')}`;
}
