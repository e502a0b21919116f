/**
 * What is written about releases, checked before it is used: a channel's pointer (har/channels.py), a manifest
 * (har/releases.py) and a golden window. Of what the page does not use, nothing is looked at.
 */

import { parseJson } from './canonical-json.js';
import { isObject, isVersion } from './metadata-signatures.js';
import { UpdateRejectedError, rejectUnless, textOf } from './update-rejection.js';
import { windowSpec } from '../classification/windows.js';

export const MAX_POINTER_BYTES = 16_384;
export const MAX_MANIFEST_BYTES = 262_144;
/** The answer for what is none of a release's classes. No class may have this name. */
export const UNKNOWN = 'unknown';

const SCHEMA = 1;
const PLAIN_NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/**
 * @typedef {object} Pointer
 * @property {'stable' | 'canary'} channel
 * @property {number} number Grows with every change of the channel.
 * @property {string | null} release The release's name; null if there is none.
 * @property {string | null} manifest_sha256 Hexadecimal.
 * @property {number} share Of the devices, above 0 to 1.
 *
 * @typedef {{name: string, format: string, sha256: string, bytes: number}} Artifact
 *
 * @typedef {object} Manifest
 * @property {string} release
 * @property {string[]} classes What the outputs stand for, in order.
 * @property {number} steps
 * @property {number} rate_hz
 * @property {number} hop_us
 * @property {number} gap_us
 * @property {{mean: number[], scale: number[]}} normalisation By axis, m/s².
 * @property {number} decision_threshold An answer below this probability counts as unknown.
 * @property {Artifact[]} artifacts
 * @property {{file: string, tolerance: number}} golden
 *
 * @typedef {{window: number[][], probabilities: number[]}} GoldenWindow Rows of x, y, z in m/s², and the answer.
 */

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {Pointer}
 * @throws {UpdateRejectedError} As unusable.
 */
export function readPointer(bytes) {
  const pointer = readDocument(bytes, "channel's pointer", MAX_POINTER_BYTES);
  const { number, release, manifest_sha256: digest, share } = pointer;
  check(isVersion(number), `a channel's changes are numbered from 1, not ${number}`);
  check(isNumber(share) && share > 0 && share <= 1, `a channel's share must be above 0 to 1, not ${share}`);
  if (release === null && digest === null) {
    check(pointer.channel !== 'stable', 'what is stable is never withdrawn without another release in its place');
  } else {
    checkPlainName(release, "a release's name");
    check(typeof digest === 'string', "a channel's pointer names both a release and its manifest's digest, or neither");
  }
  return pointer;
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {Manifest}
 * @throws {UpdateRejectedError} As unusable.
 */
export function readManifest(bytes) {
  const manifest = readDocument(bytes, "release's manifest", MAX_MANIFEST_BYTES);
  checkPlainName(manifest.release, "a release's name");
  checkClasses(manifest.classes);
  const { decision_threshold: threshold, golden, artifacts } = manifest;
  check(isNumber(threshold) && threshold >= 0 && threshold < 1, `the decision threshold cannot be ${threshold}`);
  const { mean, scale } = manifest.normalisation ?? {};
  check(isAxes(mean), `normalisation mean must be finite, not ${mean}`);
  check(isAxes(scale) && scale.every((value) => value > 0), `normalisation scale must be positive, not ${scale}`);
  check(
    isObject(golden) && isNumber(golden.tolerance),
    'it is not said how exactly the golden window is to be answered',
  );
  check(Array.isArray(artifacts) && artifacts.every(isObject), 'no artifacts are listed');
  const names = [golden.file, ...artifacts.map((artifact) => artifact.name)];
  for (const name of names) checkPlainName(name, "the name of a release's file");
  check(new Set(names).size === names.length, `two of a release's files have one name: ${names.join(', ')}`);
  const formats = artifacts.map((artifact) => artifact.format);
  check(new Set(formats).size === formats.length, `a release has one artifact a format, not ${formats.join(', ')}`);
  try {
    windowSpec(manifest);
  } catch (error) {
    throw new UpdateRejectedError('unusable', `windows: ${textOf(error)}`, { cause: error });
  }
  return manifest;
}

/**
 * @param {Manifest} manifest
 * @param {string} format Such as `onnx`.
 * @returns {Artifact}
 * @throws {UpdateRejectedError} As unusable, if the release has none of it.
 */
export function artifactOf(manifest, format) {
  const found = manifest.artifacts.find((artifact) => artifact.format === format);
  check(found !== undefined, `release ${manifest.release} has no ${format} artifact`);
  return /** @type {Artifact} */ (found);
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {Manifest} manifest
 * @returns {GoldenWindow}
 * @throws {UpdateRejectedError} As unusable.
 */
export function readGolden(bytes, manifest) {
  const golden = parsed(bytes, 'golden window', MAX_MANIFEST_BYTES);
  const { window, probabilities } = golden;
  const fits =
    Array.isArray(window) &&
    window.length === manifest.steps &&
    window.every(isAxes) &&
    Array.isArray(probabilities) &&
    probabilities.length === manifest.classes.length &&
    probabilities.every(isNumber);
  check(fits, `the golden window of ${manifest.release} does not fit its manifest`);
  return /** @type {GoldenWindow} */ (golden);
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {string} what
 * @param {number} most Bytes.
 * @returns {any}
 */
function readDocument(bytes, what, most) {
  const document = parsed(bytes, what, most);
  const { schema } = document;
  const advice = schema > SCHEMA ? 'load the page again, or upgrade har' : 'publish it again';
  check(schema === SCHEMA, `the ${what} has schema ${schema}; this page reads ${SCHEMA}: ${advice}`);
  return document;
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {string} what
 * @param {number} most Bytes.
 * @returns {Record<string, any>}
 */
function parsed(bytes, what, most) {
  check(bytes.length <= most, `the ${what} has ${bytes.length} bytes; the limit is ${most}`);
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
  check(!(/** @type {string[]} */ (classes).includes(UNKNOWN)), `no class may be called '${UNKNOWN}'`);
}

/** @param {unknown} name @param {string} what */
function checkPlainName(name, what) {
  const isPlain = typeof name === 'string' && PLAIN_NAME.test(name);
  check(isPlain, `'${name}' cannot be ${what}: a plain file name has letters, digits, . _ - only, 128 at most`);
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
