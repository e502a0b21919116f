/**
 * Documents of releases: channel pointers (har/channels.py), manifests (har/releases.py) and golden windows
 * (har/artifacts.py). They are validated as far as the page uses them.
 */

import { parseJson } from './canonical-json.js';
import { isObject, isVersion } from './metadata-signatures.js';
import { UpdateRejectedError, rejectUnless, textOf } from './update-rejection.js';
import { signalBounds } from '../windowing/signal-quality.js';
import { windowSpec } from '../windowing/windows.js';

export const MAX_POINTER_BYTES = 16_384;
export const MAX_MANIFEST_BYTES = 262_144;
/** The predicted activity if no class reaches the decision threshold. No class may have this name. */
export const UNKNOWN = 'unknown';

const SCHEMA = 1;
/** As in har/background.py. */
const DEFAULT_KIND_THRESHOLD = 0.5;
const MAX_KINDS = 64;
const MAX_NAME_CHARACTERS = 64;
const MAX_TITLE_CHARACTERS = 120;
const PLAIN_NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/**
 * @typedef {object} Pointer
 * @property {'stable' | 'canary'} channel
 * @property {number} number Of the channel's change; increases with every change.
 * @property {string | null} release The release's name; null if the channel has none.
 * @property {string | null} manifest_sha256 Hexadecimal; null without a release.
 * @property {number} share Of the devices, greater than 0 and at most 1.
 *
 * @typedef {{name: string, format: string, sha256: string, bytes: number}} Artifact
 *
 * @typedef {object} Background
 * @property {{name: string, title: string}[]} kinds The network's outputs after the classes, in this order.
 * @property {number} largest_share Largest sum of their probabilities with which a class is named.
 * @property {number} [kind_threshold] Least probability with which a kind is named.
 *
 * @typedef {object} Manifest
 * @property {string} release
 * @property {string[]} classes In the order of the network's outputs.
 * @property {number} steps Values of a window.
 * @property {number} rate_hz
 * @property {number} hop_us
 * @property {number} gap_us
 * @property {Parameters<typeof signalBounds>[0]['signal_bounds']} [signal_bounds] Missing in older releases.
 * @property {{mean: number[], scale: number[]}} normalisation Of x, y and z, m/s².
 * @property {number} decision_threshold A prediction below this probability is unknown.
 * @property {Background | null} [background] The kinds of background; missing if the network knows none.
 * @property {object | null} [upright] The rule of the upright reference, as classification/upright.js checks it; missing
 *   if the release uses none.
 * @property {Artifact[]} artifacts
 * @property {{format: string, reason: string}[]} [left_out] Formats that it was made without. Missing in older releases.
 * @property {{file: string, tolerance: number}} golden
 *
 * @typedef {object} GoldenWindow
 * @property {number[][]} window Rows of x, y, z, m/s².
 * @property {number[]} probabilities One per class, then one per kind of background.
 */

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {Pointer}
 * @throws {UpdateRejectedError} With the reason `unusable`.
 */
export function readPointer(bytes) {
  const pointer = readDocument(bytes, "channel's pointer", MAX_POINTER_BYTES);
  const { number, release, manifest_sha256: digest, share } = pointer;
  check(isVersion(number), `the number of a channel's change must be an integer from 1, not ${number}`);
  check(isNumber(share) && share > 0 && share <= 1, `a channel's share must be above 0 and at most 1, not ${share}`);
  if (release === null && digest === null) {
    check(pointer.channel !== 'stable', 'the stable channel must have a release');
  } else {
    checkPlainName(release, "a release's name");
    check(typeof digest === 'string', "a channel's pointer must have a release and its manifest's digest, or neither");
  }
  return pointer;
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {Manifest}
 * @throws {UpdateRejectedError} With the reason `unusable`.
 */
export function readManifest(bytes) {
  const manifest = readDocument(bytes, "release's manifest", MAX_MANIFEST_BYTES);
  checkPlainName(manifest.release, "a release's name");
  checkClasses(manifest.classes);
  checkBackground(manifest);
  const { decision_threshold: threshold, golden, artifacts } = manifest;
  check(isNumber(threshold) && threshold >= 0 && threshold < 1, `the decision threshold cannot be ${threshold}`);
  const { mean, scale } = manifest.normalisation ?? {};
  check(isAxes(mean), `the normalisation's mean must be finite, not ${mean}`);
  check(isAxes(scale) && scale.every((value) => value > 0), `the normalisation's scale must be positive, not ${scale}`);
  check(isObject(golden) && isNumber(golden.tolerance), 'the manifest has no tolerance for its golden window');
  check(Array.isArray(artifacts) && artifacts.every(isObject), 'the manifest lists no artifacts');
  const { left_out: leftOut = [] } = manifest;
  check(Array.isArray(leftOut) && leftOut.every(isObject), 'the manifest lists no formats that were left out');
  const names = [golden.file, ...artifacts.map((artifact) => artifact.name)];
  for (const name of names) checkPlainName(name, "the name of a release's file");
  check(new Set(names).size === names.length, `two files of the release have the same name: ${names.join(', ')}`);
  const formats = artifacts.map((artifact) => artifact.format);
  check(new Set(formats).size === formats.length, `a release must have one artifact per format, not ${formats.join(', ')}`);
  try {
    windowSpec(manifest);
    signalBounds(manifest);
  } catch (error) {
    throw new UpdateRejectedError('unusable', `windows: ${textOf(error)}`, { cause: error });
  }
  return manifest;
}

/** @param {Manifest} manifest @returns {string[]} Names of the kinds of background. */
export function kindsOf({ background }) {
  return background?.kinds.map(({ name }) => name) ?? [];
}

/** @param {Manifest} manifest @returns {string[]} Names of the network's outputs: the classes, then the kinds. */
export function outputsOf(manifest) {
  return [...manifest.classes, ...kindsOf(manifest)];
}

/** @param {Manifest} manifest @returns {import('../classification/decisions.js').Thresholds} */
export function thresholdsOf({ decision_threshold: decision, background }) {
  const { largest_share: share = 1, kind_threshold: kind = DEFAULT_KIND_THRESHOLD } = background ?? {};
  return { decision, background: share, kind };
}

/**
 * @param {Manifest} manifest
 * @param {string} format Such as `onnx`.
 * @returns {Artifact}
 * @throws {UpdateRejectedError} With the reason `unusable`, if the release has none in this format.
 */
export function artifactOf(manifest, format) {
  const found = manifest.artifacts.find((artifact) => artifact.format === format);
  const { left_out: leftOut = [] } = manifest;
  const why = leftOut.filter((left) => left.format === format).map((left) => `: ${left.reason}`);
  check(found !== undefined, `release ${manifest.release} has no ${format} artifact${why.join('')}`);
  return /** @type {Artifact} */ (found);
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {Manifest} manifest
 * @returns {GoldenWindow}
 * @throws {UpdateRejectedError} With the reason `unusable`.
 */
export function readGolden(bytes, manifest) {
  const golden = parseDocument(bytes, 'golden window', MAX_MANIFEST_BYTES);
  const { window, probabilities } = golden;
  const fits =
    Array.isArray(window) &&
    window.length === manifest.steps &&
    window.every(isAxes) &&
    Array.isArray(probabilities) &&
    probabilities.length === outputsOf(manifest).length &&
    probabilities.every(isNumber);
  check(fits, `the golden window of ${manifest.release} does not fit its manifest`);
  return /** @type {GoldenWindow} */ (golden);
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {string} what Its name in errors.
 * @param {number} limit Maximal length in bytes.
 * @returns {any}
 */
function readDocument(bytes, what, limit) {
  const document = parseDocument(bytes, what, limit);
  const { schema } = document;
  const advice = schema > SCHEMA ? 'load the page again, or upgrade har' : 'publish it again';
  check(schema === SCHEMA, `the ${what} has schema ${schema}; this page reads ${SCHEMA}: ${advice}`);
  return document;
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {string} what Its name in errors.
 * @param {number} limit Maximal length in bytes.
 * @returns {Record<string, any>}
 */
function parseDocument(bytes, what, limit) {
  check(bytes.length <= limit, `the ${what} has ${bytes.length} bytes; the limit is ${limit}`);
  let document;
  try {
    document = parseJson(bytes);
  } catch (error) {
    throw new UpdateRejectedError('unusable', `not a ${what}: ${textOf(error)}`, { cause: error });
  }
  check(isObject(document), `not a ${what}`);
  return document;
}

/** @param {unknown} classes */
function checkClasses(classes) {
  const areDifferent =
    Array.isArray(classes) &&
    classes.length >= 2 &&
    classes.every((name) => typeof name === 'string') &&
    new Set(classes).size === classes.length;
  check(areDifferent, `classes must be two or more different names, not ${classes}`);
  check(!(/** @type {string[]} */ (classes).includes(UNKNOWN)), `a class must not be named '${UNKNOWN}'`);
}

/** @param {Record<string, any>} manifest Whose classes are checked. */
function checkBackground({ classes, background = null }) {
  if (background === null) return;
  const { kinds, largest_share: share, kind_threshold: threshold = DEFAULT_KIND_THRESHOLD } = isObject(background) ? background : {};
  check(Array.isArray(kinds) && kinds.length > 0 && kinds.length <= MAX_KINDS, `a background must have 1 to ${MAX_KINDS} kinds`);
  for (const kind of kinds) {
    const fits = isObject(kind) && isShort(kind.name, MAX_NAME_CHARACTERS) && isShort(kind.title, MAX_TITLE_CHARACTERS);
    check(fits, `a kind of background must have a short name and title, not ${JSON.stringify(kind)}`);
  }
  const outputs = [...classes, ...kinds.map((/** @type {{name: string}} */ { name }) => name)];
  const areDifferent = new Set(outputs).size === outputs.length && !outputs.includes(UNKNOWN);
  check(areDifferent, `classes and kinds of background must have different names, none '${UNKNOWN}': ${outputs}`);
  check(isShare(share) && isShare(threshold), `the background's share and threshold must be 0 to 1, not ${share} and ${threshold}`);
}

/** @param {unknown} text @param {number} limit Code units. @returns {boolean} */
function isShort(text, limit) {
  return typeof text === 'string' && text.length > 0 && text.length <= limit;
}

/** @param {unknown} value @returns {boolean} */
function isShare(value) {
  return isNumber(value) && value >= 0 && value <= 1;
}

/** @param {unknown} name @param {string} what */
function checkPlainName(name, what) {
  const isPlain = typeof name === 'string' && PLAIN_NAME.test(name);
  check(isPlain, `'${name}' cannot be ${what}: only letters, digits and . _ - are allowed, 128 at most`);
}

/** @param {unknown} condition @param {string} detail @returns {asserts condition} */
function check(condition, detail) {
  rejectUnless(condition, 'unusable', detail);
}

/** @param {unknown} value @returns {value is number} */
function isNumber(value) {
  return typeof value === 'number' && Number.isFinite(value);
}

/** @param {unknown} value @returns {value is number[]} */
function isAxes(value) {
  return Array.isArray(value) && value.length === 3 && value.every(isNumber);
}
