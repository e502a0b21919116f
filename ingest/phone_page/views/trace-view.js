/** The live trace and the rate of readings. */

import { byId, write } from './elements.js';
import { TraceChart } from '../trace-chart.js';

/** A faster pace costs battery and shows nothing more, ms. */
const PACE_MS = 50;
const CALM_PACE_MS = 1_000;

export class TraceView {
  #phone;
  /** @type {TraceChart | null} */
  #chart = null;
  #isFlowing = false;
  #isInView = true;
  #calm = matchMedia('(prefers-reduced-motion: reduce)');

  /** @param {import('../phone.js').Phone} phone */
  constructor(phone) {
    this.#phone = phone;
    new IntersectionObserver(([entry]) => {
      this.#isInView = entry.isIntersecting;
      this.#flow();
    }).observe(byId('trace'));
  }

  render() {
    const { isRecording, trace, clock, impossible } = this.#phone;
    byId('signal').hidden = !isRecording;
    const rate = Math.round(trace.rate(clock.now()));
    const left = impossible > 0 ? `, ${impossible} impossible left out` : '';
    write('rate', isRecording ? `${rate} readings/s${left}` : '');
    if (isRecording) this.#chart ??= new TraceChart(byId('trace'));
    this.#flow();
  }

  /** Draw from now on, until nobody sees it; a page that is hidden gets no frames. */
  #flow() {
    if (this.#isFlowing || !this.#isSeen) return;
    this.#isFlowing = true;
    requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#isFlowing = this.#isSeen;
    if (!this.#isFlowing) return;
    this.#chart?.draw(this.#phone.trace.columns(), this.#phone.clock.now() / 1e6);
    // No frame is asked for before the next is due: each that is costs battery, drawn or not.
    setTimeout(() => requestAnimationFrame(() => this.#draw()), this.#calm.matches ? CALM_PACE_MS : PACE_MS);
  }

  get #isSeen() {
    return this.#chart !== null && this.#phone.isRecording && this.#isInView;
  }
}
