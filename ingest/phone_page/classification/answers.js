/** From a release's probabilities to its answer, exactly as har/answers.py decides. */

import { UNKNOWN } from '../releases/release-documents.js';

/**
 * @typedef {object} Decision
 * @property {string} activity The most probable class, or `UNKNOWN` where none is probable enough.
 * @property {number} confidence The class's probability; of `UNKNOWN`, what the most probable class lacks to 1.
 */

/**
 * @param {string[]} classes
 * @param {ArrayLike<number>} probabilities In the order of the classes; of equal ones the first counts.
 * @param {number} threshold The release's; with 0, the most probable class always counts.
 * @returns {Decision}
 */
export function decide(classes, probabilities, threshold) {
  let best = 0;
  for (let at = 1; at < classes.length; at += 1) {
    if (probabilities[at] > probabilities[best]) best = at;
  }
  if (probabilities[best] < threshold) return { activity: UNKNOWN, confidence: 1 - probabilities[best] };
  return { activity: classes[best], confidence: probabilities[best] };
}
