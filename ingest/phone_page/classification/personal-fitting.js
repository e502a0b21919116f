/**
 * Makes a personal head from a wearer's labelled windows; har/personal_fitting.py explains the method. The weights are
 * those of Python to 1e-6.
 */

import { equalShares, fittedLayer, toProbabilities } from './logistic-regression.js';
import { corrected, signalsOf } from './personal-head.js';
import { directionOf } from './upright.js';

/** Labelled time of an activity below which it is not used, s. */
export const LEAST_SECONDS = 15;
/** Share of each activity's time that is held back, at its end. */
const HELD_BACK_SHARE = 1 / 3;
/** Fewest labelled activities. */
export const LEAST_ACTIVITIES = 2;
/** Most windows of an activity; the newest are used. */
export const MOST_WINDOWS = 300;
const LEAST_LIKELY = 1e-12;
/** Equal shares of right answers may differ by this, as they are sums in another order. */
const ROUNDING = 1e-9;

/**
 * @typedef {import('./upright.js').Vector} Vector
 * @typedef {import('../releases/personal-head-document.js').HeldBack} HeldBack
 * @typedef {import('./logistic-regression.js').Layer} Layer
 * @typedef {import('./personal-head.js').Correction} Correction
 *
 * @typedef {object} LabelledWindow
 * @property {string} session
 * @property {number} start Event time of its first value, µs since the epoch.
 * @property {string} label A class of the release.
 * @property {number[]} probabilities The network's output.
 * @property {Vector} gravity Mean acceleration, m/s².
 *
 * @typedef {Pick<import('../releases/personal-head-document.js').PersonalHead, 'weights' | 'offsets' | 'directions' | 'seconds' | 'held_back'>} FittedHead
 */

/** No head can be made from these windows, or it does not answer better than the network. */
export class PersonalisationError extends Error {
  /**
   * @param {string} message
   * @param {HeldBack | null} [heldBack] How the head did that was not accepted; null if there was none.
   */
  constructor(message, heldBack = null) {
    super(message);
    this.name = 'PersonalisationError';
    this.heldBack = heldBack;
  }
}

/**
 * Fit a head, and accept it only if it answers the held-back windows better, within its limits as in use.
 *
 * @param {LabelledWindow[]} windows The wearer's labelled windows. They may overlap.
 * @param {string[]} outputs The release's classes and kinds of background.
 * @param {number} classes Number of classes among the outputs; they come first.
 * @param {number} lengthUs Length of a window, µs.
 * @returns {Promise<FittedHead>}
 * @throws {PersonalisationError} If there is too little labelled time, or the head is not accepted.
 */
export async function fitHead(windows, outputs, classes, lengthUs) {
  const byLabel = enough(windows, lengthUs);
  /** @type {Map<string, LabelledWindow[]>} */
  const first = new Map();
  /** @type {LabelledWindow[]} */
  const last = [];
  for (const [label, shown] of byLabel) {
    const [fitted, held] = divided(shown, lengthUs);
    if (fitted.length === 0 || held.length === 0) {
      throw new PersonalisationError(`the labelled time of ${label} is too short to hold a part back: label more`);
    }
    first.set(label, fitted);
    last.push(...held);
  }
  const heldBack = compared(last, outputs, { classes, ...(await layerOf(first, outputs)) });
  if (heldBack.right_after < heldBack.right_before - ROUNDING || heldBack.loss_after >= heldBack.loss_before) {
    throw new PersonalisationError('a personal head would not answer better', heldBack);
  }
  const seconds = Object.fromEntries([...byLabel].map(([label, shown]) => [label, coveredSeconds(shown, lengthUs)]));
  return { ...(await layerOf(byLabel, outputs)), seconds, held_back: heldBack };
}

/**
 * @param {Pick<LabelledWindow, 'session' | 'start'>[]} windows
 * @param {number} lengthUs
 * @returns {number} The time that windows cover together, s. Overlapping windows count once.
 */
export function coveredSeconds(windows, lengthUs) {
  return coveredUntil(inOrder(windows), lengthUs).at(-1) ?? 0;
}

/**
 * @param {Pick<LabelledWindow, 'session' | 'start'>[]} windows In order.
 * @param {number} lengthUs
 * @returns {number[]} For each window the time that it and the earlier ones cover together, s.
 */
function coveredUntil(windows, lengthUs) {
  let total = 0;
  /** @type {Map<string, number>} */
  const ends = new Map();
  return windows.map(({ session, start }) => {
    const end = start + lengthUs;
    total += end - Math.max(start, ends.get(session) ?? start);
    ends.set(session, end);
    return total / 1e6;
  });
}

/** @param {LabelledWindow[]} windows @param {number} lengthUs @returns {Map<string, LabelledWindow[]>} By label, in its order. */
function enough(windows, lengthUs) {
  const known = inOrder(windows).filter(({ gravity }) => directionOf(gravity) !== null);
  /** @type {Map<string, LabelledWindow[]>} */
  const found = new Map();
  for (const label of [...new Set(known.map((window) => window.label))].sort()) {
    const shown = known.filter((window) => window.label === label);
    if (coveredSeconds(shown, lengthUs) >= LEAST_SECONDS) found.set(label, shown.slice(-MOST_WINDOWS));
  }
  if (found.size < LEAST_ACTIVITIES) {
    throw new PersonalisationError(
      `a personal head needs at least ${LEAST_SECONDS} s of labelled time of at least ${LEAST_ACTIVITIES} activities`,
    );
  }
  return found;
}

/**
 * Divide windows into those of the first time and those of the last, without a reading in both.
 *
 * @param {LabelledWindow[]} windows Of one label, in order.
 * @param {number} lengthUs
 * @returns {[LabelledWindow[], LabelledWindow[]]}
 */
function divided(windows, lengthUs) {
  const covered = coveredUntil(windows, lengthUs);
  const seconds = /** @type {number} */ (covered.at(-1)) * (1 - HELD_BACK_SHARE);
  const count = covered.findIndex((time) => time >= seconds) + 1;
  const first = windows.slice(0, count);
  const boundary = first[count - 1];
  const last = windows
    .slice(count)
    .filter(({ session, start }) => session !== boundary.session || start >= boundary.start + lengthUs);
  if (last.length > 0) return [first, last];
  // All later windows overlap the first part: the two parts meet where the windows end.
  const end = windows[windows.length - 1];
  return [first.filter(({ session, start }) => session !== end.session || start + lengthUs <= end.start), [end]];
}

/** @param {LabelledWindow[]} windows @param {string[]} outputs */
function samplesOf(windows, outputs) {
  const signals = windows.map(({ probabilities, gravity }) =>
    signalsOf(probabilities, /** @type {Vector} */ (directionOf(gravity))),
  );
  const labels = windows.map(({ label }) => outputs.indexOf(label));
  return { signals, labels, shares: equalShares(labels), outputs: outputs.length };
}

/**
 * @param {Map<string, LabelledWindow[]>} byLabel
 * @param {string[]} outputs
 * @returns {Promise<Layer & {directions: Vector[]}>}
 */
async function layerOf(byLabel, outputs) {
  const layer = await fittedLayer(samplesOf([...byLabel.values()].flat(), outputs));
  return { ...layer, directions: [...byLabel.values()].map(meanDirection).filter((direction) => direction !== null) };
}

/** @param {LabelledWindow[]} windows @param {string[]} outputs @param {Correction} head @returns {HeldBack} */
function compared(windows, outputs, head) {
  const { signals, labels, shares } = samplesOf(windows, outputs);
  const found = { windows: windows.length, right_before: 0, right_after: 0, loss_before: 0, loss_after: 0 };
  /** @type {boolean[][]} */
  const [rightBefore, rightAfter] = [[], []];
  for (const [at, row] of signals.entries()) {
    const before = Float64Array.from(row.slice(0, outputs.length));
    toProbabilities(before);
    const { probabilities, gravity } = windows[at];
    const after = Float64Array.from(corrected(head, probabilities, gravity) ?? before);
    rightBefore.push(largest(before) === labels[at]);
    rightAfter.push(largest(after) === labels[at]);
    found.loss_before -= shares[at] * Math.log(Math.max(before[labels[at]], LEAST_LIKELY));
    found.loss_after -= shares[at] * Math.log(Math.max(after[labels[at]], LEAST_LIKELY));
  }
  return { ...found, right_before: meanRight(rightBefore, labels), right_after: meanRight(rightAfter, labels) };
}

/** @param {boolean[]} isRight @param {number[]} labels @returns {number} Mean over the labels of the share of right ones. */
function meanRight(isRight, labels) {
  const each = [...new Set(labels)].map((label) => {
    const of = isRight.filter((_, at) => labels[at] === label);
    return of.filter(Boolean).length / of.length;
  });
  return each.reduce((sum, share) => sum + share, 0) / each.length; // exactly 1 if all are right
}

/** @param {Float64Array} values @returns {number} Index of the first of the largest values. */
function largest(values) {
  return values.reduce((best, value, at) => (value > values[best] ? at : best), 0);
}

/** @param {LabelledWindow[]} windows @returns {Vector | null} */
function meanDirection(windows) {
  /** @type {Vector} */
  const sum = [0, 0, 0];
  for (const { gravity } of windows) {
    const direction = /** @type {Vector} */ (directionOf(gravity));
    for (const axis of [0, 1, 2]) sum[axis] += direction[axis];
  }
  return directionOf([sum[0] / windows.length, sum[1] / windows.length, sum[2] / windows.length]);
}

/** @template {Pick<LabelledWindow, 'session' | 'start'>} T @param {T[]} windows @returns {T[]} */
function inOrder(windows) {
  return [...windows].sort((one, other) => one.start - other.start || (one.session < other.session ? -1 : 1));
}
