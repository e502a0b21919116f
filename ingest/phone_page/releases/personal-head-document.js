/** The document of a personal head (har/personal_head.py), validated as far as the page uses it. */

import { outputsOf } from './release-documents.js';
import { AXES } from '../windowing/resampling.js';

const SCHEMA = 1;
const MAX_OUTPUTS = 64;
const LARGEST_WEIGHT = 1e6;

/**
 * @typedef {[number, number, number]} Vector x, y and z.
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

/**
 * @param {PersonalHead} head
 * @param {import('./release-documents.js').Manifest} manifest
 * @returns {boolean} Whether the head corrects the outputs of this release.
 */
export function fitsRelease({ release, classes, outputs }, manifest) {
  const known = outputsOf(manifest);
  const isSame = outputs.length === known.length && outputs.every((name, at) => name === known[at]);
  return release === manifest.release && classes === manifest.classes.length && isSame;
}

/** @param {unknown} row @param {number} count */
function areWeights(row, count) {
  return Array.isArray(row) && row.length === count && row.every((weight) => typeof weight === 'number' && Math.abs(weight) <= LARGEST_WEIGHT);
}

/** @param {unknown} direction */
function isUnit(direction) {
  if (!Array.isArray(direction) || direction.length !== AXES) return false;
  const [x, y, z] = direction;
  return Math.abs(x * x + y * y + z * z - 1) < 1e-6; // false for NaN
}

/** @param {boolean} holds @param {string} fault */
function require(holds, fault) {
  if (!holds) throw new RangeError(`the personal head ${fault}`);
}
