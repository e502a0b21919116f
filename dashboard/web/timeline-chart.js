/** Chart of the steady activity of the last minutes, as coloured spans. */

import { theme } from './shared/chart-theme.js';
import { LiveChart } from './shared/live-chart.js';
import { explain } from './shared/signal-reasons.js';
import { withKind } from './shared/wording.js';
import { kindOf, reasonOf } from './device-model.js';
import { glyphOf, textColourOn, styleOf } from './styles.js';
import uPlot from './uplot.js';

const HEIGHT = 52;
const AXIS_HEIGHT = 20;
const FONT = '11px system-ui, sans-serif';
const SECOND_US = 1_000_000;
const RADIUS = 3;
const LABEL_PADDING = 6;

/** @typedef {import('./device-model.js').Span} Span */

export class TimelineChart extends LiveChart {
  /** @type {Span[]} */
  #spans = [];
  #edge = 0;

  /**
   * @param {HTMLElement} container Where to draw.
   * @param {number} historySeconds Shown time span, s.
   */
  constructor(container, historySeconds) {
    super(HEIGHT);
    this.historySeconds = historySeconds;
    this.plot = new uPlot(
      {
        width: container.clientWidth,
        height: HEIGHT,
        padding: [2, 0, 0, 0],
        legend: { show: false },
        cursor: { show: false },
        scales: { x: { time: false }, y: { range: [0, 1] } },
        axes: [
          {
            size: AXIS_HEIGHT,
            gap: 4,
            font: FONT,
            stroke: () => theme.text,
            splits: () => this.#splits(),
            values: (_plot, splits) => splits.map((split) => this.#label(split)),
            grid: { show: false },
            ticks: { show: false },
          },
          { show: false },
        ],
        series: [{}, { show: false }],
        hooks: { drawClear: [(plot) => this.#drawSpans(plot)] },
      },
      [[], []],
      container,
    );
  }

  /**
   * @param {Span[]} spans Oldest first.
   * @param {number} edge Event time at the right edge, µs.
   */
  draw(spans, edge) {
    this.#spans = spans;
    this.#edge = edge / SECOND_US;
    this.plot.setScale('x', { min: this.#edge - this.historySeconds, max: this.#edge });
  }

  /** @returns {number[]} Event times of the axis labels, s: the edge, and regular steps before it. */
  #splits() {
    const step = this.historySeconds > 90 ? 60 * Math.ceil(this.historySeconds / 360) : 15;
    const splits = [];
    for (let back = 0; back < this.historySeconds * 0.97; back += step) splits.unshift(this.#edge - back);
    return splits;
  }

  /** @param {number} split @returns {string} */
  #label(split) {
    const back = Math.round(this.#edge - split);
    if (back === 0) return '';
    return back % 60 === 0 ? `−${back / 60} min` : `−${back} s`;
  }

  /** @param {uPlot} plot */
  #drawSpans(plot) {
    const { ctx } = plot;
    const { left, top, width, height } = plot.bbox;
    const ratio = devicePixelRatio;
    ctx.save();
    ctx.beginPath();
    ctx.roundRect(left, top, width, height, RADIUS * ratio);
    ctx.clip();
    ctx.fillStyle = theme.track;
    ctx.fillRect(left, top, width, height);
    for (const span of this.#spans) {
      const from = Math.max(plot.valToPos(span.start / SECOND_US, 'x', true), left);
      const to = Math.min(plot.valToPos(span.end / SECOND_US, 'x', true), left + width);
      if (to > from) drawSpan(ctx, span, from, top, to - from, height, ratio);
    }
    ctx.restore();
  }
}

/**
 * @param {CanvasRenderingContext2D} ctx
 * @param {Span} span
 * @param {number} left
 * @param {number} top
 * @param {number} width
 * @param {number} height
 * @param {number} ratio Canvas pixels per CSS pixel.
 */
function drawSpan(ctx, span, left, top, width, height, ratio) {
  const style = styleOf(span.activity);
  const reason = reasonOf(span);
  ctx.fillStyle = style.colour;
  // One pixel of background separates neighbours with similar colours.
  ctx.fillRect(left, top, Math.max(width - ratio, ratio), height);
  ctx.font = `600 ${11 * ratio}px system-ui, sans-serif`;
  const available = width - 2 * LABEL_PADDING * ratio;
  // Do not rely on colour alone: show the title with the reason or the kind, the title, or the symbol, as it fits.
  const title = withKind(style.title, kindOf(span));
  const titles = reason ? [`${style.title}: ${explain(reason)}`, style.title] : [title, style.title];
  const text = [...titles, glyphOf(style)].find((label) => ctx.measureText(label).width <= available);
  if (text === undefined) return;
  ctx.fillStyle = textColourOn(style.colour);
  ctx.textAlign = 'center';
  ctx.textBaseline = 'middle';
  ctx.fillText(text, left + width / 2, top + height / 2 + ratio);
}
