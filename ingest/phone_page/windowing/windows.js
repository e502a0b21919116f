/**
 * Cuts windows on the absolute event-time grid, from readings that arrive in pieces. The windows equal those of
 * har/windowing.py bit for bit, so that the phone, the stream and the trainer use the same ones.
 */

import { AXES, OVERSAMPLING, Resampler, reachUs } from './resampling.js';
import { signalQuality } from './signal-quality.js';

const MICROSECONDS = 1_000_000;

/**
 * @typedef {object} WindowSpec How windows are cut.
 * @property {number} steps Values per window.
 * @property {number} rateHz Sample rate of the grid, Hz.
 * @property {number} hopUs Time from one window's start to the next, µs.
 * @property {number} gapUs A longer pause between two readings ends a stretch, µs.
 *
 * @typedef {object} CutWindow
 * @property {number} start Event time of its first value, µs since the Unix epoch.
 * @property {Float32Array} values x, y, z (m/s²) of one step after the other.
 * @property {import('./signal-quality.js').SignalQuality} quality Of the readings under it.
 *
 * @typedef {import('./signal-quality.js').QualityReading} Reading
 */

/**
 * Return the windows that a release's network needs.
 *
 * @param {{steps: number, rate_hz: number, hop_us: number, gap_us: number}} manifest The release's manifest.
 * @returns {WindowSpec}
 * @throws {RangeError} If no windows can be cut with these values.
 */
export function windowSpec(manifest) {
  const spec = {
    steps: manifest.steps,
    rateHz: manifest.rate_hz,
    hopUs: manifest.hop_us,
    gapUs: manifest.gap_us,
  };
  checkSpec(spec);
  return spec;
}

/**
 * @param {WindowSpec} spec
 * @throws {RangeError} If no windows can be cut with these values.
 */
function checkSpec({ steps, rateHz, hopUs, gapUs }) {
  if (![steps, rateHz, hopUs, gapUs].every((value) => Number.isSafeInteger(value) && value > 0)) {
    throw new RangeError('steps, rate, hop and gap must be positive integers');
  }
  if (MICROSECONDS % (rateHz * OVERSAMPLING) !== 0) {
    throw new RangeError(`${OVERSAMPLING} x ${rateHz} Hz has no whole number of µs as its period`);
  }
  if (hopUs % (MICROSECONDS / rateHz) !== 0) {
    throw new RangeError(`the hop of ${hopUs} µs is not a multiple of the period ${MICROSECONDS / rateHz} µs`);
  }
}

/**
 * Cuts windows from readings in order of time. A gap ends a stretch. Readings with the same time are merged: the
 * smallest (x, y, z) is kept. A reading is used once a reading with a later time has arrived, because it may change
 * until then.
 *
 * Values are rounded to float32 first, as in messages, so that the stream cuts the same windows.
 */
export class WindowCutter {
  #spec;
  /** @type {Stretch} */
  #stretch;
  /** @type {Reading | null} The newest reading; one with the same time may still replace it. */
  #newest = null;
  /** Readings with the time of the reading before them. */
  repeats = 0;
  /** Repeats with other values than the reading that was kept until then. */
  conflicts = 0;

  /** @param {WindowSpec} spec See `windowSpec`. */
  constructor(spec) {
    checkSpec(spec);
    this.#spec = spec;
    this.#stretch = new Stretch(spec);
  }

  /**
   * Add readings; return the windows that they complete.
   *
   * @param {ArrayLike<number>} times Event times in integer µs, in non-decreasing order.
   * @param {ArrayLike<number>} x Acceleration, m/s², gravity included.
   * @param {ArrayLike<number>} y
   * @param {ArrayLike<number>} z
   * @returns {CutWindow[]}
   * @throws {RangeError} If a time or a value is invalid; none of the readings is added then.
   */
  extend(times, x, y, z) {
    this.#check(times, x, y, z);
    /** @type {CutWindow[]} */
    const windows = [];
    for (let at = 0; at < times.length; at += 1) {
      // Adding 0 turns -0 into 0: equal readings must have equal bits.
      const [ofX, ofY, ofZ] = [x, y, z].map((axis) => Math.fround(axis[at]) + 0);
      this.#add({ time: times[at], x: ofX, y: ofY, z: ofZ, contested: false }, windows);
    }
    return windows;
  }

  /**
   * End the stretch; return the windows that the last reading completes. Readings added afterwards must be later.
   *
   * @returns {CutWindow[]}
   */
  finish() {
    /** @type {CutWindow[]} */
    const windows = [];
    if (this.#newest !== null) this.#stretch.add(this.#newest, windows);
    this.#newest = null;
    this.#stretch = new Stretch(this.#spec);
    return windows;
  }

  /**
   * @param {ArrayLike<number>} times
   * @param {ArrayLike<number>[]} axes
   */
  #check(times, ...axes) {
    if (axes.some((axis) => axis.length !== times.length)) {
      const lengths = axes.map((axis) => axis.length);
      throw new RangeError(`x, y and z must have ${times.length} values, as times has; not ${lengths}`);
    }
    let before = this.#newest?.time ?? 0;
    for (let at = 0; at < times.length; at += 1) {
      if (!Number.isSafeInteger(times[at]) || times[at] < 0) {
        throw new RangeError(`reading ${at}: ${times[at]} is not a time in integer µs since the Unix epoch`);
      }
      if (times[at] < before) throw new RangeError(`reading ${at}: ${times[at]} µs is before ${before} µs`);
      before = times[at];
      for (const axis of axes) {
        if (!Number.isFinite(Math.fround(axis[at]))) throw new RangeError(`reading ${at} contains ${axis[at]}`);
      }
    }
  }

  /**
   * @param {Reading} reading
   * @param {CutWindow[]} windows Completed windows are appended.
   */
  #add(reading, windows) {
    const newest = this.#newest;
    if (newest !== null && newest.time === reading.time) {
      this.repeats += 1;
      const order = compare(reading, newest);
      if (order === 0) return;
      this.conflicts += 1;
      this.#newest = { ...(order < 0 ? reading : newest), contested: true };
      return;
    }
    if (newest !== null) {
      this.#stretch.add(newest, windows);
      if (reading.time - newest.time > this.#spec.gapUs) this.#stretch = new Stretch(this.#spec);
    }
    this.#newest = reading;
  }
}

/** Cuts windows from one stretch of readings. It keeps the values of one window, and the readings under it. */
class Stretch {
  #spec;
  #periodUs;
  #resampler;
  #count = 0;
  #nextStart = 0;
  /** @type {Reading[]} Those that future windows need, the oldest first. */
  #readings = [];
  /** The first `#filled` values of the window that starts at `#nextStart`. */
  #values;
  #filled = 0;
  /** @type {CutWindow[]} */
  #completed = [];

  /** @param {WindowSpec} spec */
  constructor(spec) {
    this.#spec = spec;
    this.#periodUs = MICROSECONDS / spec.rateHz;
    this.#values = new Float32Array(spec.steps * AXES);
    this.#resampler = new Resampler(this.#periodUs, (x, y, z) => this.#fill(x, y, z));
  }

  /**
   * @param {Reading} reading
   * @param {CutWindow[]} windows Completed windows are appended.
   */
  add(reading, windows) {
    const { time, x, y, z } = reading;
    this.#completed = windows;
    this.#count += 1;
    this.#readings.push(reading);
    // The interpolation needs a reading before the one it starts at, so the filter starts at the second reading.
    if (this.#count === 2) this.#begin(time);
    this.#resampler.add(time, x, y, z);
  }

  /** @param {number} second The second reading's time, µs. */
  #begin(second) {
    const supported = second + reachUs(this.#periodUs);
    const beyond = supported % this.#spec.hopUs;
    this.#nextStart = beyond === 0 ? supported : supported - beyond + this.#spec.hopUs;
    this.#resampler.seek(this.#nextStart / this.#periodUs);
  }

  /**
   * @param {number} x The next value on the grid.
   * @param {number} y
   * @param {number} z
   */
  #fill(x, y, z) {
    const { steps, hopUs } = this.#spec;
    // The assignment rounds to float32: to nearest, ties to even, as NumPy does.
    this.#values.set([x, y, z], this.#filled * AXES);
    this.#filled += 1;
    if (this.#filled < steps) return;
    this.#completed.push({ start: this.#nextStart, values: this.#values.slice(), quality: this.#quality() });
    this.#nextStart += hopUs;
    this.#readings.splice(0, this.#indexBefore(this.#nextStart - reachUs(this.#periodUs)));
    const hop = hopUs / this.#periodUs;
    if (hop < steps) {
      this.#values.copyWithin(0, hop * AXES);
      this.#filled = steps - hop;
    } else {
      this.#filled = 0;
      this.#resampler.seek(this.#nextStart / this.#periodUs);
    }
  }

  /** Measure the readings within the reach of the window's filter, and one on each side. */
  #quality() {
    const reach = reachUs(this.#periodUs);
    const end = this.#nextStart + this.#spec.steps * this.#periodUs - this.#periodUs + reach;
    const first = this.#indexBefore(this.#nextStart - reach);
    return signalQuality(this.#readings.slice(first, this.#indexBefore(end) + 2));
  }

  /** @param {number} time µs. @returns {number} The place of the last kept reading that is not later, 0 at least. */
  #indexBefore(time) {
    let at = this.#readings.length - 1;
    while (at > 0 && this.#readings[at].time > time) at -= 1;
    return Math.max(at, 0);
  }
}

/**
 * @param {Reading} one
 * @param {Reading} other
 * @returns {number} Below 0 if `one` is smaller by x, then y, then z; 0 if they are equal.
 */
function compare(one, other) {
  return one.x - other.x || one.y - other.y || one.z - other.z;
}
