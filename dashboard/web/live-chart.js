/** What the charts of a card have in common: a plot of a fixed height that follows its card's width. */
export class LiveChart {
  /** @type {import('uplot')} Each kind of chart sets it. */
  plot = /** @type {any} */ (null);

  /** @param {number} height In CSS pixels. */
  constructor(height) {
    this.height = height;
  }

  /** @param {number} width In CSS pixels. */
  resize(width) {
    if (width > 0 && width !== this.plot.width) this.plot.setSize({ width, height: this.height });
  }

  /** Draw again, in colours that may have changed. */
  redraw() {
    this.plot.redraw(false, true);
  }

  destroy() {
    this.plot.destroy();
  }
}
