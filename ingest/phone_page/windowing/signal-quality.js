/**
 * Whether the readings under a window tell enough to name an activity; har/signal_quality.py explains it. Quality and
 * reason equal those of Python bit for bit, so no expression here may be simplified.
 */

import { AXES } from './resampling.js';

const MICROSECONDS = 1_000_000;
const HOUR_US = 3_600 * MICROSECONDS;
/** An axis is clipped only if another moves meanwhile, by more than this, m/s². */
const MOVING = 1.5;

/**
 * @typedef {object} SignalQuality What the readings under a window are like.
 * @property {number} readings Number of readings with different times, without the last one.
 * @property {number} coveredUs Time from the first to the last of them, µs.
 * @property {number} meanSpacingUs Mean spacing between two readings, each weighted by its length, µs.
 * @property {number} longestSpacingUs
 * @property {number} standstillUs The part of the mean spacing that follows times with several different readings, µs.
 * @property {boolean} isConstant Whether all readings are exactly equal.
 * @property {number} clippedShare Share of the readings at which an axis is at one end while another moves, 0 to 1.
 * @property {number} step Smallest difference between two different values of an axis, m/s²; 0 if all are equal.
 *
 * @typedef {object} SignalBounds The least quality that a release's network needs.
 * @property {number} lowestRateHz
 * @property {number} longestSpacingUs
 * @property {number} longestStandstillUs
 * @property {number} largestClippedShare From 0 to 1.
 * @property {number} coarsestStep m/s².
 *
 * @typedef {'clock' | 'sparse' | 'pauses' | 'constant' | 'coarse' | 'clipped'} Reason
 * @typedef {{time: number, x: number, y: number, z: number, contested: boolean}} QualityReading Time in µs, the axes in
 *   m/s²; contested if there were several readings with this time and different values.
 */

/** The bounds of releases whose manifest states none. */
const DEFAULTS = {
  lowest_rate_hz: 40,
  longest_spacing_us: 100_000,
  longest_standstill_us: 12_000,
  largest_clipped_share: 0.1,
  coarsest_step: 0.2,
};
const WHOLE = ['longest_spacing_us', 'longest_standstill_us'];

/**
 * Return the bounds that a release states; the defaults for those that it does not state.
 *
 * @param {{signal_bounds?: Partial<typeof DEFAULTS>}} manifest The release's manifest.
 * @returns {SignalBounds}
 * @throws {RangeError} If the bounds cannot be used.
 */
export function signalBounds({ signal_bounds: stated = {} }) {
  if (typeof stated !== 'object' || stated === null || Array.isArray(stated)) {
    throw new RangeError(`signal_bounds must be an object, not ${stated}`);
  }
  const bounds = { ...DEFAULTS, ...stated };
  for (const name of /** @type {(keyof typeof DEFAULTS)[]} */ (Object.keys(DEFAULTS))) {
    const isRight = WHOLE.includes(name) ? Number.isSafeInteger(bounds[name]) : Number.isFinite(bounds[name]);
    if (!isRight) throw new RangeError(`${name} cannot be ${bounds[name]}`);
  }
  checkBounds(bounds);
  return {
    lowestRateHz: bounds.lowest_rate_hz,
    longestSpacingUs: bounds.longest_spacing_us,
    longestStandstillUs: bounds.longest_standstill_us,
    largestClippedShare: bounds.largest_clipped_share,
    coarsestStep: bounds.coarsest_step,
  };
}

/** @param {typeof DEFAULTS} bounds */
function checkBounds(bounds) {
  if (!(bounds.lowest_rate_hz > 0 && bounds.lowest_rate_hz <= MICROSECONDS)) {
    throw new RangeError(`lowest_rate_hz must be above 0, not ${bounds.lowest_rate_hz}`);
  }
  const longest = Math.max(bounds.longest_spacing_us, bounds.longest_standstill_us);
  if (!(bounds.longest_spacing_us > 0 && bounds.longest_standstill_us >= 0 && longest <= HOUR_US)) {
    throw new RangeError('longest_spacing_us must be above 0, longest_standstill_us 0 or more, and both at most an hour');
  }
  if (!(bounds.largest_clipped_share >= 0 && bounds.largest_clipped_share <= 1 && bounds.coarsest_step >= 0)) {
    throw new RangeError('largest_clipped_share must be from 0 to 1, and coarsest_step 0 or more');
  }
}

/**
 * @param {SignalBounds} bounds
 * @param {SignalQuality} quality
 * @returns {Reason | null} Why a window of this quality cannot be classified, the first that is found; null if it can.
 */
export function unclassifiedReason(bounds, quality) {
  const longestMeanUs = MICROSECONDS / bounds.lowestRateHz;
  if (quality.standstillUs > bounds.longestStandstillUs) return 'clock';
  if (quality.coveredUs / quality.readings > longestMeanUs) return 'sparse';
  const isSlow = quality.meanSpacingUs > longestMeanUs;
  // Without a spacing that lets a reading be missed, the rate itself is too low: now and then, or with the jitter.
  if (isSlow && quality.longestSpacingUs <= 2 * longestMeanUs) return 'sparse';
  if (isSlow || quality.longestSpacingUs > bounds.longestSpacingUs) return 'pauses';
  if (quality.isConstant) return 'constant';
  if (quality.step > bounds.coarsestStep) return 'coarse'; // a coarse signal may look clipped, too
  return quality.clippedShare > bounds.largestClippedShare ? 'clipped' : null;
}

/**
 * Measure the quality of the readings under a window.
 *
 * @param {QualityReading[]} readings In strictly increasing time; two or more.
 * @returns {SignalQuality}
 */
export function signalQuality(readings) {
  const axes = [readings.map(({ x }) => x), readings.map(({ y }) => y), readings.map(({ z }) => z)];
  const ordered = axes.map(sorted);
  const steps = ordered.map(smallestRise).filter((rise) => rise > 0);
  return {
    ...spacings(readings),
    isConstant: steps.length === 0,
    clippedShare: clippedShare(axes, ordered),
    step: steps.length === 0 ? 0 : Math.min(...steps),
  };
}

/**
 * @param {QualityReading[]} readings
 * @returns {Pick<SignalQuality, 'readings' | 'coveredUs' | 'meanSpacingUs' | 'longestSpacingUs' | 'standstillUs'>}
 */
function spacings(readings) {
  const count = readings.length - 1;
  const coveredUs = readings[count].time - readings[0].time;
  // The sums are integers below 2^53, so each quotient is rounded once.
  let squares = 0;
  let standing = 0;
  let longestSpacingUs = 0;
  for (let at = 0; at < count; at += 1) {
    const spacing = readings[at + 1].time - readings[at].time;
    squares += spacing * spacing;
    if (readings[at].contested) standing += spacing * spacing;
    longestSpacingUs = Math.max(longestSpacingUs, spacing);
  }
  const [meanSpacingUs, standstillUs] = [squares / coveredUs, standing / coveredUs];
  return { readings: count, coveredUs, meanSpacingUs, longestSpacingUs, standstillUs };
}

/** @param {number[]} values @returns {Float64Array} */
function sorted(values) {
  return Float64Array.from(values).sort();
}

/** @param {Float64Array} ordered @returns {number} The smallest difference of two different values; 0 if all are equal. */
function smallestRise(ordered) {
  let smallest = 0;
  for (let at = 1; at < ordered.length; at += 1) {
    const rise = ordered[at] - ordered[at - 1];
    if (rise > 0 && (smallest === 0 || rise < smallest)) smallest = rise;
  }
  return smallest;
}

/**
 * @param {number[][]} axes Values of x, y and z.
 * @param {Float64Array[]} ordered The same in order of size.
 * @returns {number} Largest share of readings at which an axis is at one end of its values and another axis moves.
 */
function clippedShare(axes, ordered) {
  const count = axes[0].length;
  const tenth = Math.floor(count / 10);
  let share = 0;
  for (let axis = 0; axis < AXES; axis += 1) {
    const values = ordered[axis];
    const [lowest, highest] = [values[0], values[count - 1]];
    // Most windows have no axis with a tenth of its readings at one end, and are not looked at closely.
    const ends = [];
    if (values[tenth] === lowest) ends.push(lowest);
    if (values[count - 1 - tenth] === highest) ends.push(highest);
    for (const end of ends) {
      const there = axes.map((each) => each.filter((_, at) => axes[axis][at] === end));
      if (Math.max(...there.map(middleSpread)) > MOVING) share = Math.max(share, there[0].length / count);
    }
  }
  return share;
}

/** @param {number[]} values @returns {number} Between the lowest and the highest tenth. */
function middleSpread(values) {
  const ordered = sorted(values);
  const tenth = Math.floor(ordered.length / 10);
  return ordered[ordered.length - 1 - tenth] - ordered[tenth];
}
