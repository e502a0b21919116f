/** A personal head: a network's answers, corrected by what the wearer labelled; har/personal_head.py explains it. */

import { AXES } from '../windowing/resampling.js';

const SCHEMA = 1;
const MAX_OUTPUTS = 64;
/** Probabilities below this count as this, so that their logarithms are finite. */
const LEAST_PROBABILITY = 1e-6;
/** Factor of the direction of gravity beside the logarithms. */
const GRAVITY_SCALE = 10;
/** Least cosine of the angle (45 degrees) between a window's direction of gravity and one of the head's directions. */
const LEAST_COSINE = 0.7071067811865476;
/** Most by which a head divides the odds of the background, all kinds together. */
const LARGEST_ODDS_CUT = 4;
const LARGEST_WEIGHT = 1e6;
const LEAST_DIVISOR = 1e-100;

/**
 * @typedef {import('./upright.js').Vector} Vector
 *
 * @typedef {object} HeldBack How a head did on labelled windows that it was not fitted to, against the network alone.
 * @property {number} windows
 * @property {number} right_before Mean over the classes of the share of right answers, without the head.
 * @property {number} right_after The same with it.
 * @property {number} loss_before Mean over the classes of the cross-entropy, nats.
 * @property {number} loss_after
 *
 * @typedef {object} PersonalHead The document, as har.personal_head.PersonalHead.
 * @property {string} device
 * @property {number} number Among the heads of the device, from 1.
 * @property {string} release The release whose network it corrects.
 * @property {string[]} outputs The release's classes and kinds of background, in their order.
 * @property {number} classes Number of classes among the outputs; they come first.
 * @property {number[][]} weights A row for each output, and for x, y and z of gravity; a column for each output.
 * @property {number[]} offsets One for each output.
 * @property {Vector[]} directions Unit vectors of the mean acceleration, one for each labelled activity.
 * @property {Record<string, number>} seconds By activity: labelled time that it was made from, s.
 * @property {HeldBack} held_back
 * @property {number} effective Arrival time from which it applies in the stream, µs since the epoch.
 * @property {string} made When it was made, ISO 8601, UTC.
 * @property {number} schema
 */

/**
 * Correct the probabilities of a window.
 *
 * @param {PersonalHead} head
 * @param {ArrayLike<number>} probabilities The network's output, in the order of the head's outputs.
 * @param {Vector} gravity Mean acceleration of the window, m/s² (`gravityOf`).
 * @returns {number[] | null} In the same order; null if the phone is not worn as it was while the wearer labelled.
 */
export function corrected(head, probabilities, gravity) {
  const direction = directionOf(gravity);
  if (direction === null || head.directions.every((known) => dot(direction, known) < LEAST_COSINE)) return null;
  const sums = [...head.offsets];
  for (const [at, signal] of signalsOf(probabilities, direction).entries()) {
    const row = head.weights[at];
    for (let column = 0; column < sums.length; column += 1) sums[column] += signal * row[column];
  }
  return withBackground(softmax(sums), probabilities, head.classes);
}

/**
 * @param {number[]} answers Corrected.
 * @param {ArrayLike<number>} before The network's.
 * @param {number} classes
 * @returns {number[]} The corrected probabilities, whose odds of the background are cut by `LARGEST_ODDS_CUT` at most.
 */
function withBackground(answers, before, classes) {
  let [share, after] = [0, 0];
  for (let at = classes; at < answers.length; at += 1) {
    share += before[at];
    after += answers[at];
  }
  share = Math.min(1, share); // the sum of a float32 network's probabilities may be just above 1
  const least = share / (share + LARGEST_ODDS_CUT * (1 - share));
  if (after >= least) return answers;
  const ofClasses = (1 - least) / (1 - after);
  // Where next to nothing is left of the kinds, they are the network's: a quotient would overflow.
  const [kinds, ofKinds] = after > LEAST_DIVISOR ? [answers, least / after] : [before, least / share];
  return answers.map((value, at) => (at < classes ? value * ofClasses : kinds[at] * ofKinds));
}

/**
 * @param {ArrayLike<number>} probabilities The network's.
 * @param {Vector} direction Unit vector of the mean acceleration.
 * @returns {number[]} What a head sees of a window: centred logarithms of the probabilities, and the scaled direction.
 */
export function signalsOf(probabilities, direction) {
  const logs = Array.from(probabilities, (value) => Math.log(Math.max(value, LEAST_PROBABILITY)));
  const mean = logs.reduce((sum, value) => sum + value, 0) / logs.length;
  return [...logs.map((value) => value - mean), ...direction.map((part) => GRAVITY_SCALE * part)];
}

/** @param {number[]} sums @returns {number[]} Probabilities in proportion to their exponentials. */
function softmax(sums) {
  const largest = Math.max(...sums);
  const powers = sums.map((value) => Math.exp(value - largest));
  const total = powers.reduce((sum, value) => sum + value, 0);
  return powers.map((value) => value / total);
}

/** @param {Vector} gravity @returns {Vector | null} The direction of a mean acceleration; null if it has none. */
export function directionOf([x, y, z]) {
  const length = Math.sqrt(x * x + y * y + z * z);
  return length > 0 && length < Infinity ? [x / length, y / length, z / length] : null;
}

/**
 * Check a head.
 *
 * @param {any} head A parsed document.
 * @returns {PersonalHead}
 * @throws {RangeError} If it is not a head, or contradicts itself.
 */
export function checkedHead(head) {
  require(typeof head === 'object' && head !== null, 'is not an object');
  require(head.schema === SCHEMA, `has schema ${head.schema}; this page reads ${SCHEMA}`);
  const { outputs, classes, weights, offsets, directions, number, seconds } = head;
  require([head.device, head.release, head.made].every((text) => typeof text === 'string' && text !== ''), 'has no name');
  const count = Array.isArray(outputs) ? outputs.length : 0;
  const areNames = count > 1 && count <= MAX_OUTPUTS && outputs.every((/** @type {unknown} */ name) => typeof name === 'string');
  require(areNames && new Set(outputs).size === count, `must have 2 to ${MAX_OUTPUTS} different outputs`);
  require(Number.isInteger(classes) && classes > 1 && classes <= count, `corrects ${classes} classes`);
  require(Number.isSafeInteger(number) && number >= 1, `has the number ${number}`);
  const isTable = Array.isArray(weights) && weights.length === count + AXES && weights.every((row) => areWeights(row, count));
  require(isTable && areWeights(offsets, count), `must have ${count + AXES} rows of ${count} weights, and ${count} offsets`);
  const areUnits =
    Array.isArray(directions) && directions.length >= 1 && directions.length <= count && directions.every(isUnit);
  require(areUnits, 'must have a unit vector for each labelled activity');
  const named = Object.entries(seconds ?? {});
  const areClasses = named.every(([name, time]) => outputs.slice(0, classes).includes(name) && Number.isFinite(time));
  require(areClasses, 'names labelled time of what is no class');
  const figures = ['windows', 'right_before', 'right_after', 'loss_before', 'loss_after'];
  require(figures.every((name) => Number.isFinite(head.held_back?.[name])), 'does not say how it did on held-back windows');
  return head;
}

/** @param {unknown} row @param {number} count */
function areWeights(row, count) {
  return Array.isArray(row) && row.length === count && row.every((weight) => typeof weight === 'number' && Math.abs(weight) <= LARGEST_WEIGHT);
}

/** @param {unknown} direction */
function isUnit(direction) {
  if (!Array.isArray(direction) || direction.length !== AXES) return false;
  const vector = /** @type {Vector} */ (direction);
  return Math.abs(dot(vector, vector) - 1) < 1e-6; // false for NaN
}

/** @param {Vector} one @param {Vector} other */
function dot(one, other) {
  return one[0] * other[0] + one[1] * other[1] + one[2] * other[2];
}

/** @param {boolean} holds @param {string} fault */
function require(holds, fault) {
  if (!holds) throw new RangeError(`the personal head ${fault}`);
}
