/** How figures and times are written. */

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });

/**
 * @param {number} seconds A length of time.
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
 * @param {number | null | undefined} milliseconds A latency.
 * @returns {string} Such as "84 ms" or "1.3 s".
 */
export function latency(milliseconds) {
  if (milliseconds === null || milliseconds === undefined) return '–';
  if (milliseconds < 10) return `${milliseconds.toFixed(1)} ms`;
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

/**
 * @param {number} probability From 0 to 1.
 * @returns {string} Such as "93%"; never rounded up to certainty.
 */
export function percent(probability) {
  return `${Math.min(Math.round(probability * 100), probability < 1 ? 99 : 100)}%`;
}

/**
 * @param {number} microseconds A time since the epoch.
 * @returns {string} The time of day.
 */
export function timeOfDay(microseconds) {
  return clock.format(new Date(microseconds / 1000));
}

/**
 * @param {number} count How many.
 * @param {string} noun What, in the singular.
 * @returns {string} Such as "1 device" or "3 devices".
 */
export function counted(count, noun) {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
