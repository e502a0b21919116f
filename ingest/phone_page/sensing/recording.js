/** A recording: readings from the sensor, with Android's signs, in sessions and batches, while the screen stays on. */

import { MotionSensor } from './motion-sensor.js';
import { Recorder } from './recorder.js';
import { ScreenKeeper } from './screen-keeper.js';
import { TraceBuffer } from './trace-buffer.js';

/** @typedef {import('./motion-sensor.js').MotionFault} MotionFault */
/** @typedef {import('./recorder.js').SessionReason} SessionReason */

/**
 * @typedef {object} OwnHandlers
 * @property {() => boolean} isReversed Whether the sensor's signs are reversed now.
 * @property {() => void} onChange A public property of the recording has changed.
 *
 * @typedef {import('./recorder.js').RecorderHandlers & OwnHandlers} RecordingHandlers
 */

export class Recording {
  #clock;
  #handlers;
  #sensor;
  #recorder;
  trace = new TraceBuffer();
  isOn = false;
  isStarting = false;
  /** Event time at the start of the recording, µs. */
  since = 0;
  /** @type {MotionFault | null} */
  motionFault = null;
  /** @type {SessionReason} Why the current session began. */
  sessionReason = 'start';
  /** @type {((session: string, time: number, x: number, y: number, z: number) => void) | null} For tests. */
  onReading = null;

  /**
   * @param {import('./event-clock.js').EventClock} clock
   * @param {RecordingHandlers} handlers
   */
  constructor(clock, handlers) {
    this.#clock = clock;
    this.#handlers = handlers;
    this.screen = new ScreenKeeper(handlers.onChange);
    this.#sensor = new MotionSensor({
      onReading: (timeStamp, x, y, z) => this.#addReading(timeStamp, x, y, z),
      onState: (fault) => {
        this.motionFault = fault;
        handlers.onChange();
      },
    });
    this.#recorder = new Recorder(clock, {
      onSession: (session, reason) => {
        this.sessionReason = reason;
        handlers.onSession(session, reason);
      },
      onBatch: handlers.onBatch,
      onEnd: handlers.onEnd,
    });
    // Store the pending readings before the browser may stop the page.
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) this.#recorder.flush();
    });
    addEventListener('pagehide', () => this.#recorder.flush());
  }

  /** The current session's name; empty when not recording. */
  get session() {
    return this.#recorder.session;
  }

  /** Number of dropped readings with invalid values. */
  get dropped() {
    return this.#recorder.dropped;
  }

  /**
   * Start recording. Must be called in the handler of a tap.
   *
   * @param {number} batchMilliseconds Time span of a batch, ms.
   * @returns {Promise<boolean>} Whether this call has started it; if not, `motionFault` may have the reason.
   */
  async start(batchMilliseconds) {
    if (this.isOn || this.isStarting) return false;
    this.isStarting = true;
    this.motionFault = null;
    this.#handlers.onChange();
    try {
      await this.#sensor.start();
      this.isOn = true;
      this.since = this.#clock.now();
      this.trace.clear();
      this.#recorder.start(batchMilliseconds);
    } catch (error) {
      this.motionFault = /** @type {MotionFault} */ (error);
    } finally {
      this.isStarting = false;
    }
    this.#handlers.onChange();
    if (!this.isOn) return false;
    await this.screen.keepOn();
    return true;
  }

  stop() {
    if (!this.isOn) return;
    this.#sensor.stop();
    this.#recorder.stop();
    this.isOn = false;
    this.motionFault = null;
    this.screen.release();
    this.#handlers.onChange();
  }

  /** End the session, call `change`, and begin another session. @param {() => void} change */
  changeBetweenSessions(change) {
    this.#recorder.changeBetweenSessions(change);
  }

  /**
   * @param {number} timeStamp Of the event, ms.
   * @param {number} x m/s², with the browser's signs.
   * @param {number} y
   * @param {number} z
   */
  #addReading(timeStamp, x, y, z) {
    const sign = this.#handlers.isReversed() ? -1 : 1;
    const time = this.#recorder.add(timeStamp, sign * x, sign * y, sign * z);
    if (time === null) return;
    this.trace.add(time, sign * x, sign * y, sign * z);
    this.onReading?.(this.session, time, sign * x, sign * y, sign * z);
  }
}
