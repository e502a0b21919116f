/** From probabilities to a predicted activity; the same as har/decisions.py. */

import { UNKNOWN } from '../releases/release-documents.js';

/**
 * @typedef {object} Decision
 * @property {string} activity The most probable class, or `UNKNOWN` if its probability is below the threshold.
 * @property {number} confidence The class's probability; for `UNKNOWN`, 1 minus that of the most probable class.
 */

/**
 * @param {string[]} classes
 * @returns {Decision & {probabilities: Record<string, number>}} For a window that was not classified: no class is more
 *   probable than another.
 */
export function noDecision(classes) {
  const probability = 1 / classes.length;
  const probabilities = Object.fromEntries(classes.map((name) => [name, probability]));
  return { activity: UNKNOWN, confidence: 1 - probability, probabilities };
}

/**
 * @param {string[]} classes
 * @param {ArrayLike<number>} probabilities In the order of the classes. If several are equal, the first one wins.
 * @param {number} threshold The release's decision threshold; 0 never returns `UNKNOWN`.
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
