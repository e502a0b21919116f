/** Why readings tell too little to name an activity, in words. A test holds the explanations equal to Python's. */

/**
 * @typedef {object} Wording
 * @property {string} explanation Equal to that of `har.signal_quality.EXPLANATIONS`.
 * @property {string} advice What the wearer can do.
 */

/** @type {Record<string, Wording>} By reason. */
export const WORDINGS = {
  sparse: {
    explanation: 'the phone measures too rarely',
    advice: 'Switch off power saving and close other apps, or use another browser.',
  },
  clock: {
    explanation: "the phone's clock stands still: several readings have the same time",
    advice: 'Switch off the browser’s protection against fingerprinting, or use another browser.',
  },
  pauses: {
    explanation: 'readings are missing: there are pauses between them',
    advice: 'Keep this page in front, switch off power saving and close other apps.',
  },
  constant: {
    explanation: 'the sensor shows the same value all the time',
    advice: 'A phone that lies on a table may do this. Move it: if the curves stay flat, restart the phone.',
  },
  coarse: {
    explanation: "the sensor's values are too coarse",
    advice: 'Use another browser or another phone.',
  },
  clipped: {
    explanation: "the movement exceeds the sensor's range, or an axis does not work",
    advice: 'If this also happens during gentle movements, restart the phone or use another one.',
  },
};

/**
 * @param {string} reason As in predictions.
 * @returns {string} Why a window was not classified; a reason of a later version is named as it is.
 */
export function explain(reason) {
  return Object.hasOwn(WORDINGS, reason) ? WORDINGS[reason].explanation : `the reason is “${reason}”`;
}

/**
 * @param {string} reason As in predictions.
 * @returns {string} What the wearer can do; empty for a reason of a later version.
 */
export function adviceOn(reason) {
  return Object.hasOwn(WORDINGS, reason) ? WORDINGS[reason].advice : '';
}

/** @param {string} text @returns {string} The same as a sentence: with a capital letter and a full stop. */
export function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
