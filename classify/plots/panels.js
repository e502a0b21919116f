/** Draw the panels of a session: readings, activities, confidence, and the axis of time below them. */

import { firstFrom } from './data.js';
import { clockText, dayText, placeOf, roundStep, timeMarks } from './scales.js';

/**
 * @typedef {import('./data.js').Signal} Signal
 * @typedef {import('./data.js').Session} Session
 * @typedef {import('./data.js').Activity} Activity
 * @typedef {import('./scales.js').View} View
 * @typedef {import('./scales.js').Box} Box
 * @typedef {Record<'text' | 'muted' | 'line' | 'lane' | 'x' | 'y' | 'z', string>} Theme
 * @typedef {{x: number, least: number, mean: number, most: number, count: number, begins: boolean}} Column
 */

const FONT = '12px system-ui, sans-serif';
const AXES = /** @type {const} */ (['x', 'y', 'z']);
const [READINGS_HEIGHT, LANE_HEIGHT, CONFIDENCE_HEIGHT, AXIS_HEIGHT, SPACE] = [170, 20, 70, 34, 26];
const [LEFT, RIGHT] = [104, 10];

/** @param {number} width @param {number} lanes @returns {{readings: Box, lanes: Box, confidence: Box, height: number}} */
export function layout(width, lanes) {
  const box = (/** @type {number} */ top, /** @type {number} */ height) => ({ left: LEFT, top, width: Math.max(width - LEFT - RIGHT, 50), height });
  const readings = box(18, READINGS_HEIGHT);
  const activities = box(readings.top + readings.height + SPACE, lanes * LANE_HEIGHT);
  const confidence = box(activities.top + activities.height + SPACE, CONFIDENCE_HEIGHT);
  return { readings, lanes: activities, confidence, height: confidence.top + confidence.height + AXIS_HEIGHT };
}

/**
 * @param {Signal} signal @param {number} channel @param {View} view @param {Box} box
 * @returns {Column[]} What is in each column of pixels.
 */
function columns(signal, channel, view, box) {
  const place = placeOf(box, view);
  /** @type {Column[]} */
  const found = [];
  const first = Math.max(firstFrom(signal.times, view.from) - 1, 0);
  for (let at = first; at < signal.times.length; at += 1) {
    const begins = at === first || signal.times[at] - signal.times[at - 1] > signal.gap;
    const value = at * signal.channels + channel;
    const [x, last] = [place(signal.times[at]), found.at(-1)];
    if (last && !begins && Math.floor(x) === Math.floor(last.x)) {
      last.least = Math.min(last.least, signal.least[value]);
      last.most = Math.max(last.most, signal.most[value]);
      last.mean += (signal.mean[value] - last.mean) / (last.count + 1);
      last.count += 1;
    } else {
      found.push({ x, least: signal.least[value], mean: signal.mean[value], most: signal.most[value], count: 1, begins });
    }
    if (signal.times[at] > view.to) break;
  }
  return found;
}

/** @param {CanvasRenderingContext2D} context @param {Box} box @param {() => void} draw Draws inside the box only. */
function inside(context, box, draw) {
  context.save();
  context.beginPath();
  context.rect(box.left, box.top, box.width, box.height);
  context.clip();
  draw();
  context.restore();
}

/**
 * @param {CanvasRenderingContext2D} context @param {Column[]} found @param {(value: number) => number} height
 * @param {string} colour @param {(column: Column) => [number, number]} range
 */
function drawBandAndLine(context, found, height, colour, range) {
  context.fillStyle = context.strokeStyle = colour;
  context.globalAlpha = 0.28;
  for (const column of found) {
    const [low, high] = range(column);
    const top = height(high);
    context.fillRect(Math.floor(column.x), top, 1, height(low) - top);
  }
  context.globalAlpha = 1;
  context.lineWidth = 1.1;
  context.beginPath();
  for (const column of found) {
    if (column.begins) context.moveTo(column.x, height(column.mean));
    else context.lineTo(column.x, height(column.mean));
  }
  context.stroke();
}

/**
 * @param {CanvasRenderingContext2D} context @param {Box} box @param {[number, string][]} marks @param {(value: number) => number} height
 * @param {Theme} theme
 */
function drawGrid(context, box, marks, height, theme) {
  context.font = FONT;
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  for (const [value, text] of marks) {
    const y = Math.round(height(value)) + 0.5;
    context.strokeStyle = theme.line;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(box.left, y);
    context.lineTo(box.left + box.width, y);
    context.stroke();
    context.fillStyle = theme.muted;
    context.fillText(text, box.left - 8, y);
  }
}

/** @param {CanvasRenderingContext2D} context @param {Box} box @param {Session} session @param {View} view @param {Theme} theme */
export function drawReadings(context, box, session, view, theme) {
  const found = AXES.map((_, channel) => columns(session.readings, channel, view, box));
  const low = Math.min(-1, ...found.map((each) => each.reduce((least, column) => Math.min(least, column.least), 0)));
  const high = Math.max(1, ...found.map((each) => each.reduce((most, column) => Math.max(most, column.most), 0)));
  const step = roundStep(high - low, 6);
  const height = (/** @type {number} */ value) => box.top + ((high - value) / (high - low)) * box.height;
  /** @type {[number, string][]} */
  const marks = [];
  for (let value = Math.ceil(low / step) * step; value <= high; value += step) marks.push([value, String(Math.round(value))]);
  drawGrid(context, box, marks, height, theme);
  inside(context, box, () => {
    AXES.forEach((axis, channel) => drawBandAndLine(context, found[channel], height, theme[axis], ({ least, most }) => [least, most]));
  });
  context.textAlign = 'left';
  context.fillStyle = theme.muted;
  context.fillText('acceleration, m/s²', box.left, box.top - 10);
  AXES.forEach((axis, number) => {
    context.fillStyle = theme[axis];
    context.fillText(axis, box.left + 118 + number * 16, box.top - 10);
  });
}

/**
 * @param {CanvasRenderingContext2D} context @param {Box} box @param {Session} session @param {Activity[]} activities @param {View} view
 * @param {Theme} theme
 */
export function drawLanes(context, box, session, activities, view, theme) {
  const place = placeOf(box, view);
  context.font = FONT;
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  activities.forEach(({ title }, lane) => {
    const top = box.top + lane * LANE_HEIGHT;
    context.fillStyle = theme.lane;
    context.fillRect(box.left, top + 1, box.width, LANE_HEIGHT - 3);
    context.fillStyle = theme.text;
    context.fillText(title, box.left - 8, top + LANE_HEIGHT / 2, LEFT - 12);
  });
  inside(context, box, () => {
    for (const { activity, start, end } of session.spans) {
      if (end < view.from || start > view.to) continue;
      const [left, width] = [place(start), place(end) - place(start)];
      // A span that is narrower than a pixel is as pale as it is short; several of them in a pixel add up.
      context.globalAlpha = Math.max(Math.min(width, 1), 0.1);
      context.fillStyle = activities[activity].colour;
      context.fillRect(width < 1 ? Math.floor(left) : left, box.top + activity * LANE_HEIGHT + 1, Math.max(width, 1), LANE_HEIGHT - 3);
    }
  });
}

/** @param {CanvasRenderingContext2D} context @param {Box} box @param {Session} session @param {View} view @param {Theme} theme */
export function drawConfidence(context, box, session, view, theme) {
  const height = (/** @type {number} */ value) => box.top + (1 - value) * box.height;
  drawGrid(context, box, [[0, '0 %'], [0.5, '50 %'], [1, '100 %']], height, theme);
  inside(context, box, () => {
    drawBandAndLine(context, columns(session.confidence, 0, view, box), height, theme.z, ({ least, most }) => [least, most]);
  });
  context.textAlign = 'left';
  context.fillStyle = theme.muted;
  context.fillText('confidence', box.left, box.top - 8);
}

/** @param {CanvasRenderingContext2D} context @param {Box} box @param {Session} session @param {View} view @param {Theme} theme */
export function drawTimes(context, box, session, view, theme) {
  const place = placeOf(box, view);
  const { step, times } = timeMarks(view, box.width, session.begin);
  const bottom = box.top + box.height;
  context.font = FONT;
  context.textAlign = 'center';
  context.textBaseline = 'top';
  let day = '';
  for (const time of times) {
    const x = Math.round(place(time)) + 0.5;
    context.strokeStyle = theme.line;
    context.beginPath();
    context.moveTo(x, bottom);
    context.lineTo(x, bottom + 5);
    context.stroke();
    context.fillStyle = theme.muted;
    context.fillText(clockText(session.begin, time, step), x, bottom + 7);
    const now = dayText(session.begin, time + step / 1000);
    if (now !== day) context.fillText(now, x, bottom + 21);
    day = now;
  }
}
