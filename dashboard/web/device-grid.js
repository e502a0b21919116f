/** The grid of device cards: adds, removes, filters and draws them. */

import { DeviceCard } from './device-card.js';
import { DeviceModel } from './device-model.js';
import { FrameScheduler } from './frame-scheduler.js';
import { styleOf } from './styles.js';

/** Shortest time between two frames of the traces, ms. A shorter one costs power and shows no more. */
const MIN_FRAME_INTERVAL_MS = 40;
/** Longest time between two frames, if drawing is slow, ms. */
const MAX_FRAME_INTERVAL_MS = 250;
/** If frames take longer on average, traces are drawn less often, ms. */
const SLOW_FRAME_MS = 34;
/** Time between two updates of cards out of view, s. Screen readers and searches read them. */
const TICKS_OUT_OF_VIEW = 5;
const NEAR_VIEW = '120px';

const naturalOrder = new Intl.Collator(undefined, { numeric: true });

/** @typedef {import('./device-card.js').CardContext} CardContext */

export class DeviceGrid {
  /** @type {Map<string, DeviceCard>} */
  #cards = new Map();
  /** @type {WeakMap<Element, DeviceCard>} */
  #cardOf = new WeakMap();
  #scheduler = new FrameScheduler();
  #text = '';
  /** @type {Set<string>} */
  #activities = new Set();
  #ticks = 0;
  /** When the traces were drawn last, ms. */
  #lastDrawn = 0;
  /** Time of the last animation frame, ms. */
  #lastFrame = 0;
  /** Smoothed time between animation frames, ms. */
  #frameTime = 0;
  #frameInterval = MIN_FRAME_INTERVAL_MS;

  /**
   * @param {HTMLElement} list The list element for the cards.
   * @param {HTMLTemplateElement} template Of a card.
   * @param {CardContext} context
   */
  constructor(list, template, context) {
    this.list = list;
    this.template = template;
    this.context = context;
    this.inView = new IntersectionObserver((entries) => this.#viewChanged(entries), { rootMargin: NEAR_VIEW });
    this.sizes = new ResizeObserver((entries) => {
      for (const entry of entries) this.#cardOf.get(entry.target)?.fit();
    });
    setInterval(() => this.#tick(), 1_000);
    requestAnimationFrame((time) => this.#animate(time));
  }

  get size() {
    return this.#cards.size;
  }

  /** @returns {number} Number of cards that match the filter. */
  get shown() {
    let shown = 0;
    for (const card of this.#cards.values()) shown += card.element.hidden ? 0 : 1;
    return shown;
  }

  /** @returns {Map<string, number>} Number of devices by activity, without silent ones. */
  activityCounts() {
    const counts = new Map();
    for (const card of this.#cards.values()) {
      if (!card.isSilent) counts.set(card.model.activity, (counts.get(card.model.activity) ?? 0) + 1);
    }
    return counts;
  }

  /** Remove all other devices. @param {string[]} devices */
  keepOnly(devices) {
    const kept = new Set(devices);
    this.remove([...this.#cards.keys()].filter((device) => !kept.has(device)));
  }

  /** @param {string[]} devices */
  remove(devices) {
    for (const device of devices) {
      const card = this.#cards.get(device);
      if (!card) continue;
      this.#scheduler.cancel(card);
      this.inView.unobserve(card.element);
      this.sizes.unobserve(card.element);
      card.setVisible(false);
      card.element.remove();
      this.#cards.delete(device);
    }
  }

  /**
   * @param {any} changes `DeviceChanges` from the server.
   * @returns {boolean} Whether the device's steady activity has changed.
   */
  apply(changes) {
    const card = this.#cards.get(changes.device) ?? this.#add(changes.device);
    const { historySeconds, localNow } = this.context;
    const changed = card.model.apply(changes, historySeconds() * 1_000_000, localNow());
    card.update();
    card.element.hidden = !this.#matches(card);
    if (card.isVisible || changed || changes.complete) this.#scheduler.request(card);
    return changed;
  }

  /** Show matching devices. @param {string} text Part of a device's name or of an activity's title. */
  filterText(text) {
    this.#text = text.trim().toLowerCase();
    this.#filter();
  }

  /** Show devices with one of these activities. @param {Set<string>} activities If empty, all are shown. */
  filterActivities(activities) {
    this.#activities = activities;
    this.#filter();
  }

  /** Draw all charts again, after the theme has changed. */
  redraw() {
    for (const card of this.#cards.values()) card.redraw();
  }

  /** @param {string} device @returns {DeviceCard} */
  #add(device) {
    const card = new DeviceCard(new DeviceModel(device), this.template, this.context);
    this.list.insertBefore(card.element, this.#successor(device));
    this.#cards.set(device, card);
    this.#cardOf.set(card.element, card);
    this.inView.observe(card.element);
    this.sizes.observe(card.element);
    return card;
  }

  /** @param {string} device @returns {Element | null} The card that follows it in order of names. */
  #successor(device) {
    const { children } = this.list;
    let [low, high] = [0, children.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const name = this.#cardOf.get(children[middle])?.model.name ?? '';
      if (naturalOrder.compare(name, device) < 0) low = middle + 1;
      else high = middle;
    }
    return children[low] ?? null;
  }

  /** @param {DeviceCard} card @returns {boolean} */
  #matches({ model }) {
    if (this.#activities.size > 0 && !this.#activities.has(model.activity)) return false;
    return (
      this.#text === '' ||
      model.name.toLowerCase().includes(this.#text) ||
      styleOf(model.activity).title.toLowerCase().includes(this.#text)
    );
  }

  #filter() {
    for (const card of this.#cards.values()) card.element.hidden = !this.#matches(card);
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #viewChanged(entries) {
    for (const { target, isIntersecting } of entries) this.#cardOf.get(target)?.setVisible(isIntersecting);
  }

  /** Update ages each second, also without data. */
  #tick() {
    this.#ticks += 1;
    const all = this.#ticks % TICKS_OUT_OF_VIEW === 0;
    for (const card of this.#cards.values()) if (all || card.isVisible) this.#scheduler.request(card);
  }

  /** @param {number} time */
  #animate(time) {
    requestAnimationFrame((next) => this.#animate(next));
    this.#frameTime = 0.9 * this.#frameTime + 0.1 * Math.min(time - this.#lastFrame, 1_000);
    this.#lastFrame = time;
    if (!this.context.isAnimated() || time - this.#lastDrawn < this.#frameInterval) return;
    this.#frameInterval =
      this.#frameTime > SLOW_FRAME_MS
        ? Math.min(this.#frameInterval * 1.1, MAX_FRAME_INTERVAL_MS)
        : Math.max(this.#frameInterval / 1.05, MIN_FRAME_INTERVAL_MS);
    this.#lastDrawn = time;
    for (const card of this.#cards.values()) {
      if (card.isVisible && !card.isSilent) this.#scheduler.request(card);
    }
  }
}
