/** What a session knows about upright, in the words of the pages. */

import { counted } from './wording.js';

/**
 * @typedef {object} UprightProgress
 * @property {'learning' | 'doubted' | 'known'} state Whether the session has no reference, has one that is not used because
 *   the phone seems to have been moved, or has one.
 * @property {number} windows Number of walking windows that the reference, or the next one, was learned from.
 * @property {number} [needed] How many windows a reference needs; missing if that is not known.
 */

/** @type {Record<string, string>} For the wearer, by state. */
const WEARERS_WORDS = {
  learning: 'Walk a few steps, so that sitting and standing are told apart.',
  doubted: 'The phone seems to have been moved. Walk a few steps, so that sitting and standing are told apart again.',
  known: 'Knows how you carry the phone.',
};
/** @type {Record<string, string>} For others, by state. */
const OBSERVERS_WORDS = {
  learning: 'Once its wearer has walked a few steps, sitting and standing are told apart.',
  doubted: 'The phone seems to have been moved: once its wearer has walked a few steps, sitting and standing are told apart again.',
  known: 'Knows how the phone is carried.',
};

/** @param {UprightProgress | null} progress @returns {string} For the wearer. It changes with the state only; empty for null. */
export function wearersWords(progress) {
  return progress ? (WEARERS_WORDS[progress.state] ?? '') : '';
}

/** @param {UprightProgress | null} progress @returns {string} The same for others. */
export function observersWords(progress) {
  return progress ? (OBSERVERS_WORDS[progress.state] ?? '') : '';
}

/** @param {UprightProgress | null} progress @returns {string} How much was learned, as a sentence; empty if nothing, or all. */
export function uprightFigures(progress) {
  if (!progress || progress.state === 'known' || progress.windows === 0) return '';
  const { windows, needed } = progress;
  const figure = needed === undefined ? counted(windows, 'window') : `${windows} of ${counted(needed, 'window')}`;
  return `Learned from ${figure} of walking so far.`;
}
