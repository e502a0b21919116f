/** The acceleration of the last seconds, as a uPlot chart. */

import uPlot from './vendor/uplot/uPlot.esm.js';

const SPAN_SECONDS = 10;
const HEIGHT = 140;
const FONT = '11px system-ui, sans-serif';
const STEP = 5;
const LIMIT = 80;

/** Colours, read from the style sheet's custom properties. */
const theme = { x: '', y: '', z: '', text: '', grid: '' };

export class TraceChart {
  /** @type {[number, number]} */
  #range = [-STEP, 3 * STEP];
  #plot;

  /** @param {HTMLElement} container Where to draw. */
  constructor(container) {
    readTheme();
    /** @param {'x' | 'y' | 'z'} name */
    const axis = (name) => ({ stroke: () => theme[name], width: 1.5, points: { show: false }, pxAlign: 0 });
    this.#plot = new uPlot(
      {
        width: container.clientWidth,
        height: HEIGHT,
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
            splits: (_plot, _axis, low, high) => tens(low, high),
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
    new ResizeObserver(() => this.#fit(container.clientWidth)).observe(container);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      readTheme();
      this.#plot.redraw(false, true);
    });
  }

  /** @param {(number | null)[][]} columns Time (s), x, y, z (m/s²). @param {number} edge Time at the right edge, s. */
  draw(columns, edge) {
    let [low, high] = [-STEP, 3 * STEP];
    for (const column of columns.slice(1)) {
      for (const value of column) {
        if (value === null) continue;
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
    // Whole steps, so that the scale rests while the signal moves.
    this.#range = [Math.max(Math.floor(low / STEP) * STEP, -LIMIT), Math.min(Math.ceil(high / STEP) * STEP, LIMIT)];
    this.#plot.setData(/** @type {any} */ (columns), false);
    this.#plot.setScale('x', { min: edge - SPAN_SECONDS, max: edge });
  }

  /** @param {number} width In CSS pixels. */
  #fit(width) {
    if (width > 0 && width !== this.#plot.width) this.#plot.setSize({ width, height: HEIGHT });
  }
}

function readTheme() {
  const computed = getComputedStyle(document.documentElement);
  for (const name of /** @type {(keyof typeof theme)[]} */ (Object.keys(theme))) {
    theme[name] = computed.getPropertyValue(`--chart-${name}`).trim();
  }
}

/** @param {number} low @param {number} high @returns {number[]} */
function tens(low, high) {
  const step = high - low > 60 ? 40 : high - low > 30 ? 20 : 10;
  const splits = [];
  for (let at = Math.ceil(low / step); at * step <= high; at += 1) splits.push(at * step || 0); // never -0
  return splits;
}
