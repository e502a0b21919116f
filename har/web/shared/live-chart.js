/** Base of the uPlot charts: a plot with a fixed height that can follow the width of its container. */
export class LiveChart {
  /** @type {import('uplot')} Subclasses create it. */
  plot = /** @type {any} */ (null);

  /** @param {number} height In CSS pixels. */
  constructor(height) {
    this.height = height;
  }

  /** @param {number} width In CSS pixels. */
  resize(width) {
    if (width > 0 && width !== this.plot.width) this.plot.setSize({ width, height: this.height });
  }

  /** Draw again, for example after the theme has changed. */
  redraw() {
    this.plot.redraw(false, true);
  }

  destroy() {
    this.plot.destroy();
  }
}
