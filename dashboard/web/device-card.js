/** The card of one device. */

import { writeActivity } from './shared/elements.js';
import { explain, sentence } from './shared/signal-reasons.js';
import { TraceChart } from './shared/trace-chart.js';
import { observersWords, uprightFigures } from './shared/upright-words.js';
import { duration, percent, withKind } from './shared/wording.js';
import { kindOf, reasonOf } from './device-model.js';
import { glyphOf, styleOf } from './styles.js';
import { TimelineChart } from './timeline-chart.js';
import uPlot from './uplot.js';

const SECOND_US = 1_000_000;
const SILENT_US = 10 * SECOND_US;
const FRESH_US = 3 * SECOND_US;
/** Of the trace, in CSS pixels, as in cards.css. */
const TRACE_HEIGHT = 128;
const PERSONAL_WORDS = 'Personal: corrected by what the wearer of this phone labelled.';

/**
 * @typedef {object} CardContext State of the page that all cards use.
 * @property {() => number} serverNow The server's clock, µs.
 * @property {() => number} localNow The page's monotonic clock, µs.
 * @property {() => boolean} isAnimated Whether traces scroll smoothly.
 * @property {() => number} historySeconds Time span of timelines, s.
 * @property {() => boolean} canLabel Whether devices can be labelled.
 * @property {(device: string) => void} openLabelDialog
 */

export class DeviceCard {
  /** @type {TraceChart | null} */
  #trace = null;
  /** @type {TimelineChart | null} */
  #timeline = null;
  #dataChanged = true;
  /** The shown texts, to detect changes. */
  #shownText = '';

  /**
   * @param {import('./device-model.js').DeviceModel} model
   * @param {HTMLTemplateElement} template
   * @param {CardContext} context
   */
  constructor(model, template, context) {
    this.model = model;
    this.context = context;
    const fragment = /** @type {DocumentFragment} */ (template.content.cloneNode(true));
    this.element = /** @type {HTMLElement} */ (fragment.firstElementChild);
    this.card = this.#find('.card');
    this.card.dataset.device = model.name;
    const heading = this.#find('.device');
    heading.textContent = model.name;
    heading.title = model.name;
    heading.id = `device-${model.name}`;
    this.card.setAttribute('aria-labelledby', heading.id);
    const label = this.#find('.label-button');
    label.setAttribute('aria-label', `Label the activity of ${model.name}`);
    label.addEventListener('click', () => this.context.openLabelDialog(model.name));
  }

  get isVisible() {
    return this.#trace !== null;
  }

  get isSilent() {
    return this.context.serverNow() - this.model.seen > SILENT_US;
  }

  /** @param {boolean} visible Whether the card is in view. Only cards in view have charts. */
  setVisible(visible) {
    if (visible === this.isVisible) return;
    if (visible) {
      this.#trace = new TraceChart(uPlot, this.#find('.trace'), TRACE_HEIGHT);
      this.#timeline = new TimelineChart(this.#find('.timeline'), this.context.historySeconds());
      this.#dataChanged = true;
      this.render();
    } else {
      this.#trace?.destroy();
      this.#timeline?.destroy();
      this.#trace = null;
      this.#timeline = null;
    }
  }

  /** Mark the model as changed. */
  update() {
    this.#dataChanged = true;
  }

  /** Update texts and charts. */
  render() {
    this.#renderText();
    const silent = this.isSilent;
    const spans = this.#dataChanged || silent ? this.model.spans() : [];
    if (this.#dataChanged) this.#describeTimeline(spans);
    if (!this.#trace || !this.#timeline) return;
    const { localNow, isAnimated } = this.context;
    if (this.#dataChanged) this.#trace.setData(this.model.traceColumns());
    if (this.#dataChanged || silent) this.#timeline.draw(spans, this.#timelineEdge(silent));
    this.#dataChanged = false;
    this.#trace.draw(this.model.traceEdge(localNow(), isAnimated()) / SECOND_US);
  }

  /** Draw the charts again, after the theme has changed. */
  redraw() {
    this.#trace?.redraw();
    this.#timeline?.redraw();
  }

  /** Fit the charts to the card. */
  fit() {
    this.#trace?.resize(this.#find('.trace').clientWidth);
    this.#timeline?.resize(this.#find('.timeline').clientWidth);
  }

  #renderText() {
    const { model } = this;
    const now = this.context.serverNow();
    const silent = this.isSilent;
    const style = styleOf(model.activity);
    // Up to the newest data: later time is not known.
    const length = duration((model.newest - model.since) / SECOND_US);
    const ageText = describeAge(now - model.arrived, silent);
    const canLabel = this.context.canLabel();
    const upright = `${observersWords(model.upright)} ${uprightFigures(model.upright)}`.trim();
    const { personal } = model;
    const shown = [style.title, model.reason, model.kind, length, ageText, percent(model.confidence), silent, canLabel];
    const text = [...shown, upright, personal].join();
    if (text === this.#shownText) return;
    this.#shownText = text;
    this.card.dataset.activity = model.activity;
    this.card.classList.toggle('silent', silent);
    this.#find('.label-button').hidden = silent || !canLabel;
    this.card.style.setProperty('--activity', style.colour);
    // Of no activity, the confidence tells an observer nothing.
    const isUnknown = model.activity === 'unknown';
    this.card.style.setProperty('--confidence', String(isUnknown ? 0 : model.confidence));
    this.#find('.confidence').hidden = isUnknown;
    this.#find('.reason').textContent = model.reason && sentence(explain(model.reason));
    this.#find('.symbol').textContent = glyphOf(style);
    writeActivity(this.#find('.activity'), style.title, model.kind);
    this.#find('.since').textContent = silent ? `before that, for ${length}` : `for ${length}`;
    this.#find('.percent').textContent = percent(model.confidence);
    this.#find('.age').textContent = ageText;
    this.#find('.upright').textContent = upright;
    this.#find('.personal').textContent = personal ? PERSONAL_WORDS : '';
  }

  /** @param {import('./device-model.js').Span[]} spans */
  #describeTimeline(spans) {
    const totals = new Map();
    let whole = 0;
    for (const span of spans) {
      const reason = reasonOf(span);
      const title = withKind(styleOf(span.activity).title, kindOf(span));
      const name = reason ? `${title} (${explain(reason)})` : title;
      totals.set(name, (totals.get(name) ?? 0) + span.end - span.start);
      whole += span.end - span.start;
    }
    const parts = [...totals]
      .sort((one, other) => other[1] - one[1])
      .map(([name, time]) => `${name} ${percent(time / whole)}`);
    const title = `Activity, last ${duration(this.context.historySeconds())}`;
    this.#find('.history').textContent = title;
    const timeline = this.#find('.timeline');
    timeline.setAttribute('aria-label', `${title}: ${parts.join(', ')}`);
    timeline.title = parts.join('\n'); // short spans have no room for their reasons
  }

  /** @param {boolean} silent @returns {number} */
  #timelineEdge(silent) {
    const { model } = this;
    return silent ? model.newest + this.context.serverNow() - model.seen : model.newest;
  }

  /** @param {string} selector @returns {HTMLElement} */
  #find(selector) {
    return /** @type {HTMLElement} */ (this.element.querySelector(selector));
  }
}

/**
 * @param {number} age Of the readings behind the newest prediction, µs.
 * @param {boolean} silent Whether no update comes.
 * @returns {string}
 */
function describeAge(age, silent) {
  const length = duration(age / SECOND_US);
  if (silent) return `Last prediction ${length} ago`;
  if (age > SILENT_US) return `${length} behind`;
  return age < FRESH_US ? 'just now' : `${length} ago`;
}
