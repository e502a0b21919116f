/** What the page is made from; `classify/plots/page.py` writes it. */

/**
 * @typedef {object} Signal The buckets of a signal with `channels` values each.
 * @property {Float64Array} times The middle of each bucket, s from the beginning of the session.
 * @property {Float32Array} least
 * @property {Float32Array} mean
 * @property {Float32Array} most
 * @property {number} gap No line is drawn over a longer time without values, s.
 * @property {number} channels
 *
 * @typedef {{title: string, colour: string, time: string, share: number}} Activity
 * @typedef {{activity: number, start: number, end: number}} Span Times in s from the beginning of the session.
 * @typedef {object} Session
 * @property {string} file
 * @property {string} who
 * @property {number | null} begin ms since 1970; null if the clock does not count from there.
 * @property {Signal} readings
 * @property {Signal} confidence
 * @property {Span[]} spans
 */

/** @param {string} text @returns {ArrayBuffer} */
function bytes(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer;
}

/**
 * @param {{times: string, least: string, mean: string, most: string, step: number, gap: number}} stored
 * @param {number} channels
 * @returns {Signal}
 */
function signal(stored, channels) {
  const values = (/** @type {string} */ text) => Float32Array.from(new Int16Array(bytes(text)), (value) => value * stored.step);
  return {
    times: new Float64Array(bytes(stored.times)),
    least: values(stored.least),
    mean: values(stored.mean),
    most: values(stored.most),
    gap: stored.gap,
    channels,
  };
}

/** @returns {{activities: Activity[], sessions: Session[]}} */
export function readData() {
  const { activities, sessions } = JSON.parse(document.getElementById('data')?.textContent ?? '{}');
  for (const session of sessions) {
    session.readings = signal(session.readings, 3);
    session.confidence = signal(session.confidence, 1);
    session.spans = session.spans.map((/** @type {[number, number, number]} */ [activity, start, end]) => ({ activity, start, end }));
  }
  return { activities, sessions };
}

/** @param {Float64Array} times Sorted. @param {number} time @returns {number} The first place whose time is not before `time`. */
export function firstFrom(times, time) {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < time) low = middle + 1;
    else high = middle;
  }
  return low;
}
