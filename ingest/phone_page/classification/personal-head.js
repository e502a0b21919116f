/** A personal head: a network's answers, corrected by what the wearer labelled; har/personal_head.py explains it. */

import { answersOf } from './logistic-regression.js';
import { directionOf } from './upright.js';

/** Probabilities below this count as this, so that their logarithms are finite. */
const LEAST_PROBABILITY = 1e-6;
/** Factor of the direction of gravity beside the logarithms. */
const GRAVITY_SCALE = 10;
/** Least cosine of the angle (45 degrees) between a window's direction of gravity and one of the head's directions. */
const LEAST_COSINE = 0.7071067811865476;
/** Most by which a head divides the odds of the background, all kinds together. */
const LARGEST_ODDS_CUT = 4;
const LEAST_DIVISOR = 1e-100;

/**
 * @typedef {import('./upright.js').Vector} Vector
 * @typedef {Pick<import('../releases/personal-head-document.js').PersonalHead, 'weights' | 'offsets' | 'directions' | 'classes'>} Correction What of a
 *   head corrects.
 */

/**
 * Correct the probabilities of a window.
 *
 * @param {Correction} head
 * @param {ArrayLike<number>} probabilities The network's output, in the order of the head's outputs.
 * @param {Vector} gravity Mean acceleration of the window, m/s² (`gravityOf`).
 * @returns {number[] | null} In the same order; null if the phone is not worn as it was while the wearer labelled.
 */
export function corrected(head, probabilities, gravity) {
  const direction = directionOf(gravity);
  if (direction === null || head.directions.every((known) => dot(direction, known) < LEAST_COSINE)) return null;
  const answers = Array.from(answersOf(signalsOf(probabilities, direction), head));
  return withBackground(answers, probabilities, head.classes);
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

/** @param {Vector} one @param {Vector} other */
function dot(one, other) {
  return one[0] * other[0] + one[1] * other[1] + one[2] * other[2];
}
