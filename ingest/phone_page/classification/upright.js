/**
 * The upright reference of a session; har/upright.py explains it. The answers equal those of Python bit for bit, so no
 * expression here may be rearranged.
 */

import { AXES } from '../windowing/resampling.js';

const MICROSECONDS = 1_000_000;
const DAY_US = 86_400 * MICROSECONDS;
const MAX_POINTS = 16;
const MAX_WINDOWS = 1_000;
/** The class whose windows the reference is learned from. */
const WALK = 'walk';
/** The classes of a wearer who is upright and moves, in the order of their sum. */
const ON_FOOT = ['walk', 'stairsup', 'stairsdown', 'jog'];

/**
 * @typedef {[number, number, number]} Vector x, y and z.
 * @typedef {[number, number][]} Curve Points (cosine, factor) of a piecewise linear function, the cosines increasing.
 *
 * @typedef {object} UprightRule As of har.upright.UprightRule.
 * @property {Curve} sit
 * @property {Curve} stand
 * @property {Curve} lie
 * @property {number} least_walk
 * @property {number} needed
 * @property {number} agreement
 * @property {number} doubted_after
 * @property {number} most_weight
 * @property {number} forget_after_us
 * @property {number} on_foot_below
 * @property {number} any_below
 * @property {number} contrary_windows
 *
 * @typedef {object} Reference What one session has learned about upright.
 * @property {Vector} upright Mean of the unit vectors of walking windows; zero without a reference.
 * @property {number} windows Number of windows in it; 0 without a reference.
 * @property {Vector} other The same of the latest walking windows that agree with each other and not with the reference.
 * @property {number} others Number of windows in it.
 * @property {number} contrary Number of latest windows, in a row, that contradict the reference.
 * @property {number | null} latestUs Start of the latest window, µs since the epoch; null before the first.
 *
 * @typedef {object} Judgement
 * @property {Record<string, number>} probabilities By class. Only those of the postures may differ from the network's.
 * @property {number | null} cosine Cosine of the lean that was used; null without a reference.
 * @property {Reference} reference For the session's next window.
 */

/** The rule's values that a manifest does not state. @type {UprightRule} */
const DEFAULTS = {
  sit: [[0.9781, 1], [0.9903, 0.1]],
  stand: [[0.5, 0.02], [0.7071, 0.1], [0.9781, 0.1], [0.9903, 1]],
  lie: [[0.342, 1], [0.6428, 0.02]],
  least_walk: 0.9,
  needed: 10,
  agreement: 0.9659,
  doubted_after: 3,
  most_weight: 20,
  forget_after_us: 600 * MICROSECONDS,
  on_foot_below: 0.7071,
  any_below: -0.6428,
  contrary_windows: 5,
};
/** The classes that the lean weighs against each other, in the order of their sums. */
const POSTURES = /** @type {const} */ (['sit', 'stand', 'lie']);
const COUNTS = /** @type {const} */ (['needed', 'doubted_after', 'most_weight', 'forget_after_us', 'contrary_windows']);
const COSINES = /** @type {const} */ (['agreement', 'on_foot_below', 'any_below']);

/** The state of a session before its first window. @type {Reference} */
export const NO_REFERENCE = { upright: [0, 0, 0], windows: 0, other: [0, 0, 0], others: 0, contrary: 0, latestUs: null };

/**
 * Return the rule that a release states.
 *
 * @param {{upright?: Partial<UprightRule> | null}} manifest The release's manifest.
 * @returns {UprightRule | null} Null if the release has none.
 * @throws {RangeError} If the rule cannot be used.
 */
export function uprightRule({ upright: stated = null }) {
  if (stated === null) return null;
  require(typeof stated === 'object' && !Array.isArray(stated), 'upright must be an object or null');
  const rule = { ...DEFAULTS, ...stated };
  for (const name of POSTURES) require(isCurve(rule[name]), `${name} is no curve`);
  for (const name of COUNTS) require(Number.isSafeInteger(rule[name]) && rule[name] >= 1, `${name} must be from 1`);
  for (const name of COSINES) require(isWithin(rule[name], -1, 1), `${name} must be a cosine`);
  require(rule.agreement > 0, 'agreement must be above 0');
  require(isWithin(rule.least_walk, 0, 1) && rule.least_walk > 0, 'least_walk must be above 0 and at most 1');
  const { doubted_after: doubted, needed, most_weight: most } = rule;
  require(doubted <= needed && needed <= most && most <= MAX_WINDOWS, 'doubted_after, needed and most_weight do not fit');
  require(rule.contrary_windows <= MAX_WINDOWS, 'contrary_windows is too large');
  require(rule.forget_after_us <= DAY_US, 'forget_after_us is too large');
  return rule;
}

/**
 * @param {Float32Array} window x, y, z (m/s², gravity included) of one step after the other.
 * @returns {Vector} Its mean, m/s².
 */
export function gravityOf(window) {
  const sums = new Float64Array(AXES);
  for (let at = 0; at < window.length; at += 1) sums[at % AXES] += window[at];
  const steps = window.length / AXES;
  return [sums[0] / steps, sums[1] / steps, sums[2] / steps];
}

/**
 * Use the reference for one window, and learn from the window for the next one.
 *
 * @param {Reference} reference What the session's earlier windows gave.
 * @param {UprightRule} rule
 * @param {Vector} gravity Of the window, m/s².
 * @param {number} startUs The window's start, µs since the epoch.
 * @param {Readonly<Record<string, number>>} probabilities By class, by the network alone.
 * @returns {Judgement}
 */
export function judge(reference, rule, gravity, startUs, probabilities) {
  const unchanged = { probabilities: { ...probabilities }, cosine: null };
  const { latestUs } = reference;
  if (latestUs !== null && startUs <= latestUs) return { ...unchanged, reference };
  const known = latestUs !== null && startUs - latestUs > rule.forget_after_us ? NO_REFERENCE : reference;
  const direction = directionOf(gravity);
  if (direction === null) return { ...unchanged, reference: { ...known, latestUs: startUs } };
  const cosine = known.windows > 0 ? cosineOf(direction, known.upright) : null;
  const next = { ...after(known, rule, direction, cosine, probabilities), latestUs: startUs };
  if (cosine === null || known.others >= rule.doubted_after) return { ...unchanged, reference: next };
  return { probabilities: weighed(probabilities, rule, cosine), cosine, reference: next };
}

/**
 * @param {Reference} reference
 * @param {UprightRule} rule
 * @param {Vector} direction
 * @param {number | null} cosine Of the window's lean; null without a reference.
 * @param {Readonly<Record<string, number>>} probabilities
 * @returns {Reference} The reference after a window, with the start of the window before.
 */
function after(reference, rule, direction, cosine, probabilities) {
  const contrary = cosine !== null && contradicts(rule, cosine, probabilities) ? reference.contrary + 1 : 0;
  if (contrary >= rule.contrary_windows) return NO_REFERENCE;
  if ((probabilities[WALK] ?? 0) < rule.least_walk) return { ...reference, contrary };
  if (cosine !== null && cosine >= rule.agreement) {
    const windows = Math.min(reference.windows + 1, rule.most_weight);
    return { ...NO_REFERENCE, upright: joined(reference.upright, direction, windows), windows };
  }
  const agrees = reference.others > 0 && cosineOf(direction, reference.other) >= rule.agreement;
  const others = agrees ? reference.others + 1 : 1;
  const other = agrees ? joined(reference.other, direction, others) : direction;
  if (others >= rule.needed) return { ...NO_REFERENCE, upright: other, windows: others };
  return { ...reference, other, others, contrary };
}

/**
 * @param {UprightRule} rule
 * @param {number} cosine
 * @param {Readonly<Record<string, number>>} probabilities
 * @returns {boolean} Whether the phone is no longer as it was when the reference was learned.
 */
function contradicts(rule, cosine, probabilities) {
  let onFoot = 0;
  for (const name of ON_FOOT) onFoot += probabilities[name] ?? 0;
  return cosine < rule.any_below || (cosine < rule.on_foot_below && onFoot >= rule.least_walk);
}

/**
 * @param {Readonly<Record<string, number>>} probabilities
 * @param {UprightRule} rule
 * @param {number} cosine
 * @returns {Record<string, number>} With the postures multiplied by their factors; their sum stays.
 */
function weighed(probabilities, rule, cosine) {
  const found = POSTURES.filter((name) => Object.hasOwn(probabilities, name));
  const products = found.map((name) => probabilities[name] * factorOf(rule[name], cosine));
  let before = 0;
  let sum = 0;
  for (let at = 0; at < found.length; at += 1) {
    before += probabilities[found[at]];
    sum += products[at];
  }
  if (!(sum > 0)) return { ...probabilities };
  const scale = before / sum;
  // The order of the classes stays, as a later entry of a known name keeps its place.
  return { ...probabilities, ...Object.fromEntries(found.map((name, at) => [name, products[at] * scale])) };
}

/** @param {Curve} curve @param {number} cosine */
function factorOf(curve, cosine) {
  let [left, low] = curve[0];
  if (cosine <= left) return low;
  for (const [right, high] of curve.slice(1)) {
    if (cosine < right) return low + (high - low) * ((cosine - left) / (right - left));
    [left, low] = [right, high];
  }
  return low;
}

/** @param {Vector} gravity @returns {Vector | null} The direction of a mean acceleration; null if it has none. */
export function directionOf(gravity) {
  const length = lengthOf(gravity);
  if (!(length > 0 && length < Infinity)) return null;
  return [gravity[0] / length, gravity[1] / length, gravity[2] / length];
}

/** @param {Vector} vector */
function lengthOf([x, y, z]) {
  return Math.sqrt(x * x + y * y + z * z);
}

/** @param {Vector} direction A unit vector. @param {Vector} mean A mean of unit vectors that is not zero. */
function cosineOf([x, y, z], mean) {
  const cosine = (x * mean[0] + y * mean[1] + z * mean[2]) / lengthOf(mean);
  return Math.min(1, Math.max(-1, cosine));
}

/** @param {Vector} mean @param {Vector} direction @param {number} count @returns {Vector} The mean, with one more. */
function joined([x, y, z], direction, count) {
  return [x + (direction[0] - x) / count, y + (direction[1] - y) / count, z + (direction[2] - z) / count];
}

/** @param {unknown} curve */
function isCurve(curve) {
  const isPoint = (/** @type {unknown} */ point) =>
    Array.isArray(point) && point.length === 2 && isWithin(point[0], -1, 1) && isWithin(point[1], 0, 1) && point[1] > 0;
  return (
    Array.isArray(curve) &&
    curve.length >= 1 &&
    curve.length <= MAX_POINTS &&
    curve.every(isPoint) &&
    curve.every(([cosine], at) => at === 0 || curve[at - 1][0] < cosine)
  );
}

/** @param {unknown} value @param {number} low @param {number} high */
function isWithin(value, low, high) {
  return typeof value === 'number' && value >= low && value <= high;
}

/** @param {boolean} holds @param {string} fault */
function require(holds, fault) {
  if (!holds) throw new RangeError(`upright: ${fault}`);
}
