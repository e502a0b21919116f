/** Chart of the acceleration of the last 10 s. */

import { theme } from './chart-theme.js';
import { LiveChart } from './live-chart.js';

const SPAN_SECONDS = 10;
const FONT = '11px system-ui, sans-serif';
/** The limits of the y axis are multiples of this, m/s². */
const STEP = 5;
/** The y axis ends at ± this, m/s². */
const LIMIT = 80;

export class TraceChart extends LiveChart {
  /** @type {[number, number]} */
  #range = [-STEP, 3 * STEP];

  /**
   * @param {typeof import('uplot')} uPlot The library; each page serves it under another path.
   * @param {HTMLElement} container Where to draw.
   * @param {number} height In CSS pixels.
   */
  constructor(uPlot, container, height) {
    super(height);
    /** @param {'x' | 'y' | 'z'} name */
    const axis = (name) => ({ stroke: () => theme[name], width: 1.5, points: { show: false }, pxAlign: 0 });
    this.plot = new uPlot(
      {
        width: container.clientWidth,
        height,
        padding: [6, 0, 6, 0],
        legend: { show: false },
        cursor: { show: false },
        pxAlign: 0,
        scales: { x: { time: false }, y: { range: () => this.#range } },
        axes: [
          { show: false },
          {
            size: 28,
            gap: 4,
            font: FONT,
            stroke: () => theme.text,
            splits: (_plot, _axis, low, high) => gridLines(low, high),
            values: (_plot, splits) => splits.map((split) => String(split).replace('-', '\u2212')),
            grid: { stroke: () => theme.grid, width: 1 },
            ticks: { show: false },
          },
        ],
        series: [{}, axis('x'), axis('y'), axis('z')],
      },
      [[], [], [], []],
      container,
    );
  }

  /** @param {(number | null)[][]} columns Time (s), x, y, z (m/s²); null where the signal has a gap. */
  setData(columns) {
    let [low, high] = [-STEP, 3 * STEP];
    for (const column of columns.slice(1)) {
      for (const value of column) {
        if (value === null) continue;
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
    // The limits change in whole steps: otherwise the scale would move with every reading.
    this.#range = [Math.max(Math.floor(low / STEP) * STEP, -LIMIT), Math.min(Math.ceil(high / STEP) * STEP, LIMIT)];
    this.plot.setData(/** @type {any} */ (columns), false);
  }

  /** @param {number} edge Event time at the right edge, s. */
  draw(edge) {
    this.plot.setScale('x', { min: edge - SPAN_SECONDS, max: edge });
  }
}

/** @param {number} low @param {number} high @returns {number[]} Multiples of 10, 20 or 40 m/s² within the range. */
function gridLines(low, high) {
  const step = high - low > 60 ? 40 : high - low > 30 ? 20 : 10;
  const splits = [];
  for (let at = Math.ceil(low / step); at * step <= high; at += 1) splits.push(at * step || 0); // never -0
  return splits;
}
