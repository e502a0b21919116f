/**
 * The signs of a browser's acceleration. The system uses Android's: a phone that lies flat with its screen up has
 * z = +9.8 m/s².
 *
 * Android's browsers follow the specification. WebKit on iOS and iPadOS reports Core Motion's vector, which has all
 * three signs reversed. All browsers on these platforms use WebKit, so the platform decides, not the browser.
 * `DeviceMotionEvent.requestPermission` is no indication: Chromium has it, too.
 */

const STANDARD_GRAVITY = 9.80665;
/** Largest difference between z and gravity of a flat phone, m/s²; about 25° of tilt. */
const FLAT_TOLERANCE = 2;
/** Largest difference between the magnitude and gravity of a still phone, m/s²: cheap sensors are inaccurate. */
const STILL_TOLERANCE = 1.5;

/**
 * @typedef {'correct' | 'reversed' | 'not_flat' | 'moving'} SignCheck Whether the signs are Android's, or why this is
 *   not known.
 * @typedef {object} Platform The used properties of `navigator`.
 * @property {string} platform
 * @property {string} userAgent
 * @property {number} maxTouchPoints
 */

/**
 * @param {Platform} platform
 * @returns {boolean} Whether this is iOS or iPadOS, whose signs are reversed.
 */
export function isReversedPlatform(platform) {
  const apple = /^(iPhone|iPad|iPod)/;
  if (apple.test(platform.platform) || /\b(iPhone|iPad|iPod)\b/.test(platform.userAgent)) return true;
  // An iPad requests desktop pages by default and then reports a Mac's platform. No Mac has a touch screen.
  return platform.platform === 'MacIntel' && platform.maxTouchPoints > 1;
}

/**
 * Check the signs on a phone that lies on a table with its screen up.
 *
 * @param {number[][]} readings Rows of x, y, z, m/s², in the presumed Android signs; about 1 s of them.
 * @returns {SignCheck}
 */
export function checkSignsFlat(readings) {
  const mean = [0, 1, 2].map((axis) => average(readings.map((reading) => reading[axis])));
  const spread = [0, 1, 2].map((axis) => average(readings.map((reading) => Math.abs(reading[axis] - mean[axis]))));
  if (readings.length === 0 || Math.max(...spread) > 0.5) return 'moving';
  if (Math.abs(Math.hypot(...mean) - STANDARD_GRAVITY) > STILL_TOLERANCE) return 'moving';
  if (Math.abs(Math.abs(mean[2]) - STANDARD_GRAVITY) > FLAT_TOLERANCE) return 'not_flat';
  return mean[2] > 0 ? 'correct' : 'reversed';
}

/** @param {number[]} values @returns {number} */
function average(values) {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(values.length, 1);
}
