/** How a prediction uses the upright reference of its session; the same as har/session_references.py. */

import { kindsOf, thresholdsOf } from '../releases/release-documents.js';
import { decide } from './decisions.js';
import { gravityOf, judge } from './upright.js';

/**
 * @typedef {import('./upright.js').Reference} Reference
 * @typedef {import('./classifier.js').WindowPrediction} WindowPrediction
 *
 * @typedef {object} WindowAlone
 * @property {string} activity The answer for a window without the session's reference.
 * @property {number} confidence From 0 to 1.
 *
 * @typedef {object} LeanFields
 * @property {number} [lean] Cosine of the lean that was used; missing without a reference.
 * @property {WindowAlone} [alone] Missing if the window alone says the same.
 */

/**
 * Use the session's reference for a window that was classified, and learn from the window for the next one.
 *
 * @param {WindowPrediction} prediction Of the window alone.
 * @param {{manifest: import('../releases/release-documents.js').Manifest, rule: import('./upright.js').UprightRule | null}} release
 *   Without a rule, prediction and reference stay as they are.
 * @param {{start: number, values: Float32Array}} window Its start, µs since the epoch, and x, y, z (m/s²) of each step.
 * @param {Reference} reference The session's, before this window.
 * @returns {{prediction: WindowPrediction & LeanFields, reference: Reference}}
 */
export function judged(prediction, { manifest, rule }, { start, values }, reference) {
  if (rule === null) return { prediction, reference };
  const { probabilities, cosine, reference: after } = judge(reference, rule, gravityOf(values), start, prediction.probabilities);
  if (cosine === null) return { prediction, reference: after };
  const { activity, confidence, kind: kindAlone = null, background = {} } = prediction;
  const kinds = kindsOf(manifest);
  const outputs = [...manifest.classes.map((name) => probabilities[name]), ...kinds.map((name) => background[name])];
  const { kind, ...decision } = decide(manifest.classes, kinds, outputs, thresholdsOf(manifest));
  const isSame = decision.activity === activity && decision.confidence === confidence && kind === kindAlone;
  const used = {
    ...prediction,
    ...decision,
    probabilities,
    kind: kind ?? undefined, // JSON leaves it out
    lean: cosine,
    ...(isSame ? {} : { alone: { activity, confidence } }),
  };
  return { prediction: used, reference: after };
}
