/** From probabilities to a predicted activity; the same as har/decisions.py. */

import { UNKNOWN } from '../releases/release-documents.js';

/**
 * @typedef {object} Decision
 * @property {string} activity The most probable class, or `UNKNOWN`.
 * @property {number} confidence The class's probability; for `UNKNOWN`, 1 minus that of the most probable class.
 * @property {string | null} kind For `UNKNOWN`: the kind of background that it is, if one is probable enough.
 *
 * @typedef {object} Thresholds When a class, or a kind of background, is named.
 * @property {number} decision Least probability of the most probable class; with 0, it needs none.
 * @property {number} background Largest sum of the probabilities of the kinds with which a class is named.
 * @property {number} kind Least probability of the most probable kind.
 */

/**
 * @param {string[]} classes
 * @returns {{activity: string, confidence: number, probabilities: Record<string, number>}} For a window that was not classified: no class is more
 *   probable than another.
 */
export function noDecision(classes) {
  const probability = 1 / classes.length;
  const probabilities = Object.fromEntries(classes.map((name) => [name, probability]));
  return { activity: UNKNOWN, confidence: 1 - probability, probabilities };
}

/**
 * @param {string[]} classes
 * @param {string[]} kinds Of background.
 * @param {ArrayLike<number>} probabilities Of the classes, then of the kinds. If several are equal, the first one wins.
 * @param {Thresholds} thresholds The release's.
 * @returns {Decision}
 */
export function decide(classes, kinds, probabilities, thresholds) {
  const best = largest(probabilities, 0, classes.length);
  let noneOfThem = 0;
  // In their order, so that the sum is rounded as in Python.
  for (let at = 0; at < kinds.length; at += 1) noneOfThem += probabilities[classes.length + at];
  if (probabilities[best] >= thresholds.decision && noneOfThem <= thresholds.background) {
    return { activity: classes[best], confidence: probabilities[best], kind: null };
  }
  const decision = { activity: UNKNOWN, confidence: 1 - probabilities[best], kind: null };
  if (kinds.length === 0) return decision;
  const likeliest = largest(probabilities, classes.length, classes.length + kinds.length);
  const isSure = probabilities[likeliest] >= thresholds.kind;
  return { ...decision, kind: isSure ? kinds[likeliest - classes.length] : null };
}

/**
 * @param {ArrayLike<number>} values
 * @param {number} from
 * @param {number} until
 * @returns {number} Index of the first of the largest values from `from` to before `until`.
 */
function largest(values, from, until) {
  let best = from;
  for (let at = from + 1; at < until; at += 1) {
    if (values[at] > values[best]) best = at;
  }
  return best;
}
