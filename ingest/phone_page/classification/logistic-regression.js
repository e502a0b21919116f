/**
 * Multinomial logistic regression that begins as the identity and is drawn back to it; `_fitted` of
 * har/personal_fitting.py. Gradient descent with Nesterov's momentum, in pauses of which the page does its other work.
 */

/** Weight of the penalty on the distance from the identity. */
const PENALTY = 0.03;
const STEPS = 1_000;
/** Longest time without a pause, ms: readings and taps are handled in the pauses. */
const BETWEEN_PAUSES_MS = 20;

/**
 * @typedef {object} Samples
 * @property {number[][]} signals A row for each window.
 * @property {number[]} labels The number of the right output, for each window.
 * @property {number[]} shares The weight of each window; they sum to 1.
 * @property {number} outputs Number of outputs. The first signals are the outputs' own.
 *
 * @typedef {{weights: number[][], offsets: number[]}} Layer A row of weights for each signal.
 */

/** @param {number[]} labels @returns {number[]} Shares with which all labels weigh the same. */
export function equalShares(labels) {
  /** @type {Map<number, number>} */
  const counts = new Map();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return labels.map((label) => 1 / /** @type {number} */ (counts.get(label)) / counts.size);
}

/**
 * @param {Samples} samples
 * @returns {Promise<Layer>}
 */
export async function fittedLayer({ signals, labels, shares, outputs }) {
  const count = signals.length;
  const height = signals[0].length + 1; // the last row has the offsets
  const rows = Float64Array.from(signals.flatMap((row) => [...row, 1]));
  const step = 1 / (0.5 * largestSquare(rows, height) + PENALTY);
  const identity = new Float64Array(height * outputs);
  for (let at = 0; at < outputs; at += 1) identity[at * outputs + at] = 1;
  let head = identity.slice();
  let ahead = identity.slice();
  const errors = new Float64Array(count * outputs);
  let paused = performance.now();
  for (let number = 0; number < STEPS; number += 1) {
    writeErrors(errors, rows, ahead, { height, outputs, labels, shares });
    const after = new Float64Array(height * outputs);
    addGradient(after, rows, errors, height, outputs);
    const momentum = number / (number + 3);
    const next = new Float64Array(height * outputs);
    for (let at = 0; at < after.length; at += 1) {
      after[at] = ahead[at] - step * (after[at] + PENALTY * (ahead[at] - identity[at]));
      next[at] = after[at] + momentum * (after[at] - head[at]);
    }
    [head, ahead] = [after, next];
    if (performance.now() - paused > BETWEEN_PAUSES_MS) {
      await new Promise((resolve) => setTimeout(resolve));
      paused = performance.now();
    }
  }
  const table = Array.from({ length: height }, (_, at) => Array.from(head.subarray(at * outputs, (at + 1) * outputs)));
  return { weights: table.slice(0, -1), offsets: table[height - 1] };
}

/** @param {Float64Array} rows @param {number} height @returns {number} Largest squared length of a row. */
function largestSquare(rows, height) {
  let [largest, sum] = [0, 0];
  for (let at = 0; at < rows.length; at += 1) {
    sum = (at % height === 0 ? 0 : sum) + rows[at] * rows[at];
    largest = Math.max(largest, sum);
  }
  return largest;
}

/**
 * Write for each window and output the probability minus the target, times the window's share.
 *
 * @param {Float64Array} errors
 * @param {Float64Array} rows
 * @param {Float64Array} layer
 * @param {{height: number, outputs: number, labels: number[], shares: number[]}} of
 */
function writeErrors(errors, rows, layer, { height, outputs, labels, shares }) {
  errors.fill(0);
  for (let window = 0; window < labels.length; window += 1) {
    const sums = errors.subarray(window * outputs, (window + 1) * outputs);
    for (let at = 0; at < height; at += 1) {
      const signal = rows[window * height + at];
      for (let output = 0; output < outputs; output += 1) sums[output] += signal * layer[at * outputs + output];
    }
    toProbabilities(sums);
    sums[labels[window]] -= 1;
    for (let output = 0; output < outputs; output += 1) sums[output] *= shares[window];
  }
}

/**
 * @param {Float64Array} gradient Zeros at first.
 * @param {Float64Array} rows
 * @param {Float64Array} errors
 * @param {number} height
 * @param {number} outputs
 */
function addGradient(gradient, rows, errors, height, outputs) {
  for (let window = 0; window < rows.length / height; window += 1) {
    for (let at = 0; at < height; at += 1) {
      const signal = rows[window * height + at];
      for (let output = 0; output < outputs; output += 1) {
        gradient[at * outputs + output] += signal * errors[window * outputs + output];
      }
    }
  }
}

/**
 * @param {number[]} signals
 * @param {Layer} layer
 * @returns {Float64Array} Probabilities of the outputs.
 */
export function answersOf(signals, { weights, offsets }) {
  const sums = Float64Array.from(offsets);
  for (const [at, signal] of signals.entries()) {
    for (let output = 0; output < sums.length; output += 1) sums[output] += signal * weights[at][output];
  }
  toProbabilities(sums);
  return sums;
}

/** @param {Float64Array} sums Replaced by probabilities in proportion to their exponentials. */
export function toProbabilities(sums) {
  let [largest, total] = [-Infinity, 0];
  for (const sum of sums) largest = Math.max(largest, sum);
  for (let at = 0; at < sums.length; at += 1) {
    sums[at] = Math.exp(sums[at] - largest);
    total += sums[at];
  }
  for (let at = 0; at < sums.length; at += 1) sums[at] /= total;
}
