/** The page: a bar with the share of each activity, and for each session plots that can be zoomed into. */

import { firstFrom, readData } from './data.js';
import { drawConfidence, drawLanes, drawReadings, drawTimes, layout } from './panels.js';
import { clockText, dayText } from './scales.js';

/**
 * @typedef {import('./data.js').Session} Session
 * @typedef {import('./data.js').Activity} Activity
 * @typedef {import('./scales.js').View} View
 */

/** The least time that is shown, s. */
const CLOSEST = 1;

/** @param {string} tag @param {string} [className] @param {string} [text] */
function element(tag, className = '', text = '') {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

/** @param {Activity[]} activities */
function showShares(activities) {
  for (const { title, colour, time, share } of activities) {
    const part = element('span');
    part.style.background = colour;
    part.style.flex = `${share} 1 0`;
    part.title = `${title}: ${time}`;
    document.getElementById('bar')?.append(part);
    const entry = element('li');
    const chip = element('i');
    chip.style.background = colour;
    entry.append(chip, title, ' ', element('b', '', time), ' ', element('small', '', `${(100 * share).toFixed(1)} %`));
    document.getElementById('legend')?.append(entry);
  }
}

/** @returns {import('./panels.js').Theme} */
function theme() {
  const style = getComputedStyle(document.documentElement);
  const names = ['text', 'muted', 'line', 'lane', 'x', 'y', 'z'];
  return /** @type {import('./panels.js').Theme} */ (Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()])));
}

/** The plots of one session. */
class SessionPlot {
  /** @param {Session} session @param {Activity[]} activities */
  constructor(session, activities) {
    this.session = session;
    this.activities = activities;
    const last = session.spans.at(-1)?.end ?? 0;
    this.whole = { from: Math.min(session.readings.times[0] ?? 0, 0), to: Math.max(session.readings.times.at(-1) ?? 1, last) };
    this.view = { ...this.whole };
    /** @type {number | null} Where a drag began, s. */
    this.dragged = null;
    /** @type {number | null} Where the pointer is, s. */
    this.pointed = null;
    this.canvas = document.createElement('canvas');
    this.readout = element('p', 'readout');
    this.card = this.build();
    this.listen();
  }

  build() {
    const card = element('section', 'card');
    const head = element('div', 'head');
    const buttons = element('span', 'buttons');
    const add = (/** @type {string} */ text, /** @type {string} */ label, /** @type {() => void} */ act) => {
      const button = element('button', '', text);
      button.title = label;
      button.setAttribute('aria-label', label);
      button.addEventListener('click', act);
      buttons.append(button, ' ');
    };
    add('←', 'Earlier', () => this.move(-0.5));
    add('→', 'Later', () => this.move(0.5));
    add('+', 'Zoom in', () => this.zoom(0.5));
    add('−', 'Zoom out', () => this.zoom(2));
    add('All', 'Show all', () => this.show(this.whole));
    head.append(element('h2', '', this.session.file), element('p', 'who', this.session.who), buttons);
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute('role', 'img');
    this.canvas.setAttribute('aria-label', `Readings, activities and confidence of ${this.session.file}, ${this.session.who}`);
    card.append(head, this.readout, this.canvas);
    return card;
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener('pointerdown', (event) => {
      this.dragged = this.timeAt(event);
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener('pointermove', (event) => this.point(this.timeAt(event)));
    canvas.addEventListener('pointerleave', () => this.point(null));
    canvas.addEventListener('pointercancel', () => (this.dragged = null));
    canvas.addEventListener('pointerup', (event) => this.drop(this.timeAt(event)));
    canvas.addEventListener('dblclick', () => this.show(this.whole));
    canvas.addEventListener('wheel', (event) => {
      if (!event.ctrlKey && !event.metaKey) return; // the page is scrolled
      event.preventDefault();
      this.zoom(2 ** (event.deltaY / 200), this.timeAt(event));
    }, { passive: false });
    /** @type {Record<string, () => void>} */
    const keys = {
      '+': () => this.zoom(0.5),
      '-': () => this.zoom(2),
      '0': () => this.show(this.whole),
      ArrowLeft: () => this.move(-0.25),
      ArrowRight: () => this.move(0.25),
    };
    canvas.addEventListener('keydown', (event) => {
      if (!keys[event.key] || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      keys[event.key]();
    });
  }

  /** @param {MouseEvent} event @returns {number} The time below the pointer, s. */
  timeAt(event) {
    const { left, width } = layout(this.canvas.clientWidth, 0).readings;
    const share = (event.clientX - this.canvas.getBoundingClientRect().left - left) / width;
    return this.view.from + Math.min(Math.max(share, 0), 1) * (this.view.to - this.view.from);
  }

  /** @param {View} view */
  show(view) {
    const span = Math.min(Math.max(view.to - view.from, CLOSEST), this.whole.to - this.whole.from);
    const from = Math.min(Math.max(view.from, this.whole.from), this.whole.to - span);
    this.view = { from, to: from + span };
    this.draw();
  }

  /** @param {number} factor @param {number} [around] */
  zoom(factor, around = (this.view.from + this.view.to) / 2) {
    const { from, to } = this.view;
    this.show({ from: around - (around - from) * factor, to: around + (to - around) * factor });
  }

  /** @param {number} share */
  move(share) {
    const by = share * (this.view.to - this.view.from);
    this.show({ from: this.view.from + by, to: this.view.to + by });
  }

  /** @param {number | null} time */
  point(time) {
    this.pointed = time;
    this.readout.textContent = time === null ? this.described() : this.told(time);
    this.draw();
  }

  /** @param {number} time The end of a drag. */
  drop(time) {
    const begin = this.dragged ?? time;
    this.dragged = null;
    const pixels = (Math.abs(time - begin) / (this.view.to - this.view.from)) * this.canvas.clientWidth;
    if (pixels > 4) this.show({ from: Math.min(begin, time), to: Math.max(begin, time) });
  }

  described() {
    const { from, to } = this.view;
    const begin = this.session.begin;
    return `${dayText(begin, from)} ${clockText(begin, from, 1)} to ${dayText(begin, to)} ${clockText(begin, to, 1)}${begin === null ? '' : ' UTC'}`;
  }

  /** @param {number} time @returns {string} What the plots show at a time. */
  told(time) {
    const { session } = this;
    const { readings, confidence } = session;
    const parts = [`${dayText(session.begin, time)} ${clockText(session.begin, time, 1)}`.trim()];
    const span = session.spans.find(({ start, end }) => start <= time && time < end);
    if (span) {
      const length = clockText(null, span.end - span.start, 1);
      parts.push(`${this.activities[span.activity].title}, for ${length} from ${clockText(session.begin, span.start, 1)}`);
    }
    const at = Math.min(firstFrom(confidence.times, time), confidence.times.length - 1);
    if (at >= 0 && Math.abs(confidence.times[at] - time) <= confidence.gap) parts.push(`confidence ${Math.round(100 * confidence.mean[at])} %`);
    const near = Math.min(firstFrom(readings.times, time), readings.times.length - 1);
    const values = ['x', 'y', 'z'].map((axis, number) => `${axis} ${readings.mean[3 * near + number].toFixed(1)}`);
    return [...parts, `${values.join(', ')} m/s²`].join(' · ');
  }

  draw() {
    const width = this.canvas.clientWidth;
    const boxes = layout(width, this.activities.length);
    const ratio = window.devicePixelRatio || 1;
    this.canvas.style.height = `${boxes.height}px`;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(boxes.height * ratio);
    const context = this.canvas.getContext('2d');
    if (!context) return;
    context.scale(ratio, ratio);
    const colours = theme();
    drawReadings(context, boxes.readings, this.session, this.view, colours);
    drawLanes(context, boxes.lanes, this.session, this.activities, this.view, colours);
    drawConfidence(context, boxes.confidence, this.session, this.view, colours);
    drawTimes(context, boxes.confidence, this.session, this.view, colours);
    this.drawPointer(context, boxes, colours.text);
    if (this.pointed === null) this.readout.textContent = this.described();
  }

  /** @param {CanvasRenderingContext2D} context @param {ReturnType<typeof layout>} boxes @param {string} colour */
  drawPointer(context, { readings, confidence }, colour) {
    if (this.pointed === null) return;
    const { from, to } = this.view;
    const place = (/** @type {number} */ time) => readings.left + ((time - from) / (to - from)) * readings.width;
    const [height, x] = [confidence.top + confidence.height - readings.top, place(this.pointed)];
    context.fillStyle = colour;
    context.globalAlpha = 0.6;
    context.fillRect(Math.round(x), readings.top, 1, height);
    if (this.dragged !== null) {
      context.globalAlpha = 0.12;
      context.fillRect(place(this.dragged), readings.top, x - place(this.dragged), height);
    }
    context.globalAlpha = 1;
  }
}

const { activities, sessions } = readData();
showShares(activities);
const plots = sessions.map((session) => new SessionPlot(session, activities));
document.getElementById('sessions')?.append(...plots.map(({ card }) => card));
const drawAll = () => plots.forEach((plot) => plot.draw());
new ResizeObserver(drawAll).observe(document.body);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
