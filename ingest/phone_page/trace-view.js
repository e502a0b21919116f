/** The live trace and the rate of readings. */

import { byId, write } from './elements.js';
import { TraceChart } from './trace-chart.js';

/** A faster pace costs battery and shows nothing more, ms. */
const PACE_MS = 50;
const CALM_PACE_MS = 1_000;

export class TraceView {
  #phone;
  /** @type {TraceChart | null} */
  #chart = null;
  #drawn = 0;
  #isInView = true;
  #calm = matchMedia('(prefers-reduced-motion: reduce)');

  /** @param {import('./phone.js').Phone} phone */
  constructor(phone) {
    this.#phone = phone;
    new IntersectionObserver(([entry]) => {
      this.#isInView = entry.isIntersecting;
    }).observe(byId('trace'));
    const frame = (/** @type {number} */ time) => {
      this.#flow(time);
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  render() {
    const { isRecording, trace, clock, impossible } = this.#phone;
    byId('signal').hidden = !isRecording;
    const rate = Math.round(trace.rate(clock.now()));
    const left = impossible > 0 ? `, ${impossible} impossible left out` : '';
    write('rate', isRecording ? `${rate} readings/s${left}` : '');
    if (isRecording) this.#chart ??= new TraceChart(byId('trace'));
  }

  /** @param {number} time ms */
  #flow(time) {
    const pace = this.#calm.matches ? CALM_PACE_MS : PACE_MS;
    if (!this.#chart || !this.#phone.isRecording || !this.#isInView || time - this.#drawn < pace) return;
    this.#drawn = time;
    this.#chart.draw(this.#phone.trace.columns(), this.#phone.clock.now() / 1e6);
  }
}
