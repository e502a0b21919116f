/** From times and values to places on a plot, and the marks on its axes. */

/**
 * @typedef {{from: number, to: number}} View What is shown, s from the beginning of the session.
 * @typedef {{left: number, top: number, width: number, height: number}} Box
 */

/** Steps between marks of time, s. */
const TIME_STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];
/** Least distance between two marks of time, CSS pixels. */
const MARK_PIXELS = 90;
const DAY_MS = 86_400_000;

/** @param {Box} box @param {View} view @returns {(time: number) => number} The place of a time. */
export function placeOf(box, view) {
  return (time) => box.left + ((time - view.from) / (view.to - view.from)) * box.width;
}

/** @param {number} span @param {number} most @returns {number} A round step so that there are at most `most` marks. */
export function roundStep(span, most) {
  const rough = span / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  return (rough <= power ? 1 : rough <= 2 * power ? 2 : rough <= 5 * power ? 5 : 10) * power;
}

/** @param {number | string} value @param {number} digits */
const padded = (value, digits) => String(value).padStart(digits, '0');

/**
 * @param {number | null} begin ms since 1970
 * @param {number} time s from the beginning
 * @param {number} step s; how fine the text is to be
 * @returns {string}
 */
export function clockText(begin, time, step) {
  const decimals = step < 1 ? 1 : 0;
  if (begin === null) {
    const whole = Number(Math.abs(time).toFixed(decimals)); // else 59.6 s would become 60 s, and no minute
    const sign = time < 0 ? '−' : '';
    const hours = Math.floor(whole / 3600);
    const minutes = Math.floor((whole % 3600) / 60);
    const seconds = padded((whole % 60).toFixed(decimals), decimals ? 4 : 2);
    return `${sign}${hours ? `${hours}:${padded(minutes, 2)}` : minutes}:${seconds}`;
  }
  const text = new Date(begin + Number(time.toFixed(decimals)) * 1000).toISOString();
  return step >= 60 ? text.slice(11, 16) : text.slice(11, decimals ? 21 : 19);
}

/** @param {number | null} begin @param {number} time @returns {string} The day; nothing if the clock has no days. */
export function dayText(begin, time) {
  return begin === null ? '' : new Date(begin + time * 1000).toISOString().slice(0, 10);
}

/**
 * @param {View} view
 * @param {number} width CSS pixels
 * @param {number | null} begin ms since 1970
 * @returns {{step: number, times: number[]}} Marks at round times of the day, or of the session.
 */
export function timeMarks(view, width, begin) {
  const least = ((view.to - view.from) * MARK_PIXELS) / width;
  const step = TIME_STEPS.find((each) => each >= least) ?? Math.ceil(least / 86_400) * 86_400;
  const origin = begin === null ? 0 : (begin % DAY_MS) / 1000;
  const times = [];
  for (let number = Math.ceil((view.from + origin) / step); number * step - origin <= view.to; number += 1) {
    times.push(number * step - origin);
  }
  return { step, times };
}
