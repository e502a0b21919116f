/** Shows the chart of the acceleration and the rate of readings. */

import { readTheme } from '../shared/chart-theme.js';
import { TraceChart } from '../shared/trace-chart.js';
import { counted } from '../shared/wording.js';
import uPlot from '../vendor/uplot/uPlot.esm.js';
import { byId, write } from '../shared/elements.js';

/** Of the chart, in CSS pixels, as in views.css. */
const HEIGHT = 140;
/** Time between two frames, ms. A shorter one costs battery and shows no more. */
const FRAME_INTERVAL_MS = 50;
/** The same for wearers who prefer reduced motion, ms. */
const REDUCED_FRAME_INTERVAL_MS = 1_000;

export class TraceView {
  #phone;
  /** @type {TraceChart | null} */
  #chart = null;
  #isAnimating = false;
  #isInView = true;
  #reducedMotion = matchMedia('(prefers-reduced-motion: reduce)');

  /** @param {import('../phone.js').Phone} phone */
  constructor(phone) {
    this.#phone = phone;
    new IntersectionObserver(([entry]) => {
      this.#isInView = entry.isIntersecting;
      this.#animate();
    }).observe(byId('trace'));
  }

  render() {
    const { isRecording, clock } = this.#phone;
    const { trace, dropped } = this.#phone.recording;
    byId('signal').hidden = !isRecording;
    const rate = Math.round(trace.rate(clock.now()));
    const droppedText = dropped > 0 ? `, ${counted(dropped, 'invalid reading')} dropped` : '';
    write('rate', isRecording ? `${rate} readings/s${droppedText}` : '');
    if (isRecording) this.#chart ??= createChart();
    this.#animate();
  }

  /** Draw frames until the chart is out of view. A hidden page gets no frames. */
  #animate() {
    if (this.#isAnimating || !this.#isVisible) return;
    this.#isAnimating = true;
    requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#isAnimating = this.#isVisible;
    if (!this.#isAnimating) return;
    this.#chart?.setData(this.#phone.recording.trace.columns());
    this.#chart?.draw(this.#phone.clock.now() / 1e6);
    // The timer comes first: a requested frame costs battery even if nothing is drawn.
    const interval = this.#reducedMotion.matches ? REDUCED_FRAME_INTERVAL_MS : FRAME_INTERVAL_MS;
    setTimeout(() => requestAnimationFrame(() => this.#draw()), interval);
  }

  get #isVisible() {
    return this.#chart !== null && this.#phone.isRecording && this.#isInView;
  }
}

/** @returns {TraceChart} A chart that follows the width of the page and the colour scheme. */
function createChart() {
  const container = byId('trace');
  readTheme();
  const chart = new TraceChart(uPlot, container, HEIGHT);
  new ResizeObserver(() => chart.resize(container.clientWidth)).observe(container);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    readTheme();
    chart.redraw();
  });
  return chart;
}
