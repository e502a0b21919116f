/** Text for figures, durations and times. */

const clock = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23', // a 12-hour clock is too wide for two times in one line on a phone
});

/**
 * @param {number} seconds
 * @returns {string} Such as "8 s", "3 min 5 s" or "2 h 10 min".
 */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return whole % 60 ? `${minutes} min ${whole % 60} s` : `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
}

/**
 * @param {number | null | undefined} milliseconds
 * @returns {string} Such as "84 ms" or "1.3 s"; "–" without a value.
 */
export function latency(milliseconds) {
  if (milliseconds === null || milliseconds === undefined) return '–';
  if (milliseconds < 10) return `${milliseconds.toFixed(1)} ms`;
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

/**
 * @param {number} probability From 0 to 1.
 * @returns {string} Such as "93%". A probability below 1 is never shown as 100%.
 */
export function percent(probability) {
  return `${Math.min(Math.round(probability * 100), probability < 1 ? 99 : 100)}%`;
}

/**
 * @param {number} microseconds µs since the epoch.
 * @returns {string} The local time of day, such as "14:05:09".
 */
export function timeOfDay(microseconds) {
  return clock.format(new Date(microseconds / 1000));
}

/**
 * @param {number} count
 * @param {string} noun In the singular.
 * @returns {string} Such as "1 batch" or "3 batches".
 */
export function counted(count, noun) {
  if (count === 1) return `1 ${noun}`;
  return `${count.toLocaleString()} ${noun}${/(ch|s|x)$/.test(noun) ? 'es' : 's'}`;
}

/**
 * @param {number} bytes
 * @returns {string} Such as "640 kB" or "103 MB".
 */
export function size(bytes) {
  if (bytes < 999_500) return `${Math.round(bytes / 1000)} kB`;
  return `${(bytes / 1e6).toFixed(bytes < 9.95e6 ? 1 : 0)} MB`;
}

/**
 * @param {string} title Of an activity.
 * @param {string | null} [kind] The most probable kind of background, in words, if it is unknown and the release names one.
 * @returns {string} Such as "Unknown – perhaps lying still on a table": a release may name a kind that is not certain.
 */
export function withKind(title, kind) {
  return kind ? `${title} – perhaps ${kind}` : title;
}
