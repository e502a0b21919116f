/**
 * In which frame a browser reports acceleration, and how to bring it into the system's: Android's signs, so that a
 * phone that lies flat with its screen up has z = +9.8 m/s².
 *
 * The specification says what Android's browsers do. WebKit on iOS and iPadOS reports Core Motion's vector, which
 * is the same with all three signs reversed. All browsers there are WebKit, so the platform decides, not the browser's
 * name. `DeviceMotionEvent.requestPermission` says nothing about it: Chromium has it too.
 */

const STANDARD_GRAVITY = 9.80665;
/** How far z may be from gravity for a phone that is called flat, m/s²: about 25 degrees of tilt. */
const FLAT_TOLERANCE = 2;
/** How far a phone that lies still may be from gravity in all, m/s²: cheap sensors are off by a few per cent. */
const STILL_TOLERANCE = 1.5;

/**
 * @typedef {'right' | 'reversed' | 'not_flat' | 'moving'} Verdict Whether signs are Android's, or what else was seen.
 * @typedef {object} Platform What of `navigator` is looked at.
 * @property {string} platform
 * @property {string} userAgent
 * @property {number} maxTouchPoints
 */

/**
 * @param {Platform} platform
 * @returns {boolean} Whether this is iOS or iPadOS, where signs are reversed.
 */
export function isReversedPlatform(platform) {
  const apple = /^(iPhone|iPad|iPod)/;
  if (apple.test(platform.platform) || /\b(iPhone|iPad|iPod)\b/.test(platform.userAgent)) return true;
  // An iPad asks for desktop pages by default and then claims to be a Mac; no Mac has a touch screen.
  return platform.platform === 'MacIntel' && platform.maxTouchPoints > 1;
}

/**
 * What a phone that lies on a table with its screen up tells of its signs.
 *
 * @param {number[][]} readings Rows of x, y, z in m/s², in Android's signs as far as is known; about a second of them.
 * @returns {Verdict}
 */
export function judgeFlat(readings) {
  const mean = [0, 1, 2].map((axis) => average(readings.map((reading) => reading[axis])));
  const spread = [0, 1, 2].map((axis) => average(readings.map((reading) => Math.abs(reading[axis] - mean[axis]))));
  if (readings.length === 0 || Math.max(...spread) > 0.5) return 'moving';
  if (Math.abs(Math.hypot(...mean) - STANDARD_GRAVITY) > STILL_TOLERANCE) return 'moving';
  if (Math.abs(Math.abs(mean[2]) - STANDARD_GRAVITY) > FLAT_TOLERANCE) return 'not_flat';
  return mean[2] > 0 ? 'right' : 'reversed';
}

/** @param {number[]} values @returns {number} */
function average(values) {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(values.length, 1);
}
