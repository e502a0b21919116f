/**
 * Resamples irregular readings, one at a time, to a regular grid. The result equals har/resampling.py's bit for bit.
 *
 * har/resampling.py explains the method. Equal bits need the same float64 operations in the same order, so no
 * expression here may be simplified. JavaScript neither fuses nor reorders operations.
 */

/** Interpolated points per grid step. */
export const OVERSAMPLING = 4;
export const AXES = 3;

const HALF_TAPS = 16;
const TAPS = 2 * HALF_TAPS + 1;
const LONGEST_CURVE_US = 100_000;

/**
 * The left half and the centre of `har.resampling.low_pass_taps()`, which rounds them to nine decimals. The right half
 * mirrors the left one.
 */
const LEFT_TAPS = [
  0.000584587, 0.001521786, 0.002604084, 0.003372439, 0.002737934, -0.000515672, -0.006794598, -0.014773474,
  -0.021058479, -0.020828494, -0.009425957, 0.015616053, 0.052936599, 0.09689033, 0.138656641, 0.168676061, 0.17960032,
];
/** The centre is added to itself, so its tap is halved. */
const FOLDED_TAPS = Float64Array.from(LEFT_TAPS, (tap, at) => (at === HALF_TAPS ? tap / 2 : tap));

/** @returns {number[]} The filter's taps, equal to `har.resampling.low_pass_taps()`. */
export function lowPassTaps() {
  return [...LEFT_TAPS, ...LEFT_TAPS.slice(0, HALF_TAPS).reverse()];
}

/**
 * @param {number} periodUs The grid's period, µs.
 * @returns {number} How far the filter reaches to both sides of a grid point, µs.
 */
export function reachUs(periodUs) {
  return HALF_TAPS * (periodUs / OVERSAMPLING);
}

/** Computes the filtered signal at consecutive grid points. It keeps four readings and the points under the filter. */
export class Resampler {
  #fineUs;
  #onValue;
  /** The four newest readings, the oldest first. */
  #times = new Float64Array(4);
  #axes = new Float64Array(4 * AXES);
  #count = 0;
  /** Ring buffer of the newest interpolated points: point p is in row p modulo `TAPS`. */
  #fine = new Float64Array(TAPS * AXES);
  #nextFine = Number.POSITIVE_INFINITY;
  #nextGrid = Number.POSITIVE_INFINITY;

  /**
   * @param {number} periodUs The grid's period in µs, a multiple of `OVERSAMPLING`.
   * @param {(x: number, y: number, z: number) => void} onValue Receives the values, m/s², in the grid's order.
   */
  constructor(periodUs, onValue) {
    this.#fineUs = periodUs / OVERSAMPLING;
    this.#onValue = onValue;
  }

  /**
   * Continue at a grid point, and skip those before it. Call it first before the second reading is added; that reading
   * must not be later than the first point under the filter.
   *
   * @param {number} gridPoint In periods since the Unix epoch; not before that of the last call.
   */
  seek(gridPoint) {
    const firstFine = gridPoint * OVERSAMPLING - HALF_TAPS;
    this.#nextFine = this.#nextFine === Number.POSITIVE_INFINITY ? firstFine : Math.max(this.#nextFine, firstFine);
    this.#nextGrid = gridPoint;
  }

  /**
   * @param {number} time µs, later than the previous reading.
   * @param {number} x Acceleration, m/s².
   * @param {number} y
   * @param {number} z
   */
  add(time, x, y, z) {
    this.#times.copyWithin(0, 1);
    this.#axes.copyWithin(0, AXES);
    this.#times[3] = time;
    this.#axes[9] = x;
    this.#axes[10] = y;
    this.#axes[11] = z;
    this.#count += 1;
    if (this.#count < 4) return;
    while (this.#nextFine * this.#fineUs < this.#times[2]) {
      const point = this.#nextFine;
      this.#nextFine += 1;
      this.#interpolate(point);
      if (point === this.#nextGrid * OVERSAMPLING + HALF_TAPS) {
        this.#nextGrid += 1;
        this.#filter(point - TAPS + 1);
      }
    }
  }

  /** @param {number} point An interpolated point between the second and the third of the four readings. */
  #interpolate(point) {
    const [before, from, to, after] = this.#times;
    const axes = this.#axes;
    const interval = to - from;
    const u = (point * this.#fineUs - from) / interval;
    const slopeLeft = interval / (to - before);
    const slopeRight = interval / (after - from);
    const bend = interval <= LONGEST_CURVE_US ? 1 : 0;
    const row = (point % TAPS) * AXES;
    for (let axis = 0; axis < AXES; axis += 1) {
      const start = axes[AXES + axis];
      const end = axes[2 * AXES + axis];
      const rise = end - start;
      const tangentLeft = (end - axes[axis]) * slopeLeft;
      const tangentRight = (axes[3 * AXES + axis] - start) * slopeRight;
      const deviationLeft = (tangentLeft - rise) * (1 - u);
      const deviationRight = (tangentRight - rise) * u;
      const curve = u * (1 - u) * (deviationLeft - deviationRight);
      this.#fine[row + axis] = start + u * rise + bend * curve;
    }
  }

  /** @param {number} first The interpolated point under the filter's first tap. */
  #filter(first) {
    const fine = this.#fine;
    let x = 0;
    let y = 0;
    let z = 0;
    for (let at = 0; at <= HALF_TAPS; at += 1) {
      const left = ((first + at) % TAPS) * AXES;
      const right = ((first + TAPS - 1 - at) % TAPS) * AXES;
      const tap = FOLDED_TAPS[at];
      x += (fine[left] + fine[right]) * tap;
      y += (fine[left + 1] + fine[right + 1]) * tap;
      z += (fine[left + 2] + fine[right + 2]) * tap;
    }
    this.#onValue(x, y, z);
  }
}
