/** All cards: which exist, which are shown, and when each is drawn. */

import { DeviceCard } from './device-card.js';
import { DeviceModel } from './device-model.js';
import { FrameScheduler } from './frame-scheduler.js';
import { styleOf } from './styles.js';

/** Traces flow at this pace; a faster one costs much and shows nothing more. */
const FLOW_INTERVAL_MS = 40;
/** Where frames take long, traces flow at a slower pace, down to this one. */
const SLOWEST_FLOW_MS = 250;
const LONG_FRAME_MS = 34;
/** Cards out of view are kept right for screen readers and searches, but not to the second. */
const TICKS_OUT_OF_VIEW = 5;
const NEAR_VIEW = '120px';

const naturally = new Intl.Collator(undefined, { numeric: true });

/** @typedef {import('./device-card.js').Surroundings} Surroundings */

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
  #flowed = 0;
  #frame = 0;
  #frameTime = 0;
  #flowInterval = FLOW_INTERVAL_MS;

  /**
   * @param {HTMLElement} list The list that holds the cards.
   * @param {HTMLTemplateElement} template A card.
   * @param {Surroundings} surroundings What the cards share.
   */
  constructor(list, template, surroundings) {
    this.list = list;
    this.template = template;
    this.surroundings = surroundings;
    this.inView = new IntersectionObserver((entries) => this.#viewChanged(entries), { rootMargin: NEAR_VIEW });
    this.sizes = new ResizeObserver((entries) => {
      for (const entry of entries) this.#cardOf.get(entry.target)?.fit();
    });
    setInterval(() => this.#tick(), 1_000);
    requestAnimationFrame((time) => this.#flow(time));
  }

  get size() {
    return this.#cards.size;
  }

  /** @returns {number} How many cards pass the filter. */
  get shown() {
    let shown = 0;
    for (const card of this.#cards.values()) shown += card.element.hidden ? 0 : 1;
    return shown;
  }

  /** @returns {Map<string, number>} How many devices that are not silent do what. */
  activityCounts() {
    const counts = new Map();
    for (const card of this.#cards.values()) {
      if (!card.isSilent) counts.set(card.model.activity, (counts.get(card.model.activity) ?? 0) + 1);
    }
    return counts;
  }

  /** @param {string[]} devices Forget all others. */
  keepOnly(devices) {
    const kept = new Set(devices);
    this.remove([...this.#cards.keys()].filter((device) => !kept.has(device)));
  }

  /** @param {string[]} devices */
  remove(devices) {
    for (const device of devices) {
      const card = this.#cards.get(device);
      if (!card) continue;
      this.#scheduler.forget(card);
      this.inView.unobserve(card.element);
      this.sizes.unobserve(card.element);
      card.setVisible(false);
      card.element.remove();
      this.#cards.delete(device);
    }
  }

  /**
   * @param {any} changes `DeviceChanges` from the server.
   * @returns {boolean} Whether the device's steady activity is another than before.
   */
  apply(changes) {
    const card = this.#cards.get(changes.device) ?? this.#add(changes.device);
    const { historySeconds, localNow } = this.surroundings;
    const changed = card.model.apply(changes, historySeconds() * 1_000_000, localNow());
    card.update();
    card.element.hidden = !this.#passes(card);
    if (card.isVisible || changed || changes.complete) this.#scheduler.request(card);
    return changed;
  }

  /** @param {string} text Part of a device's name or of an activity's title. */
  filterText(text) {
    this.#text = text.trim().toLowerCase();
    this.#filter();
  }

  /** @param {Set<string>} activities Show devices that do one of these; all if empty. */
  filterActivities(activities) {
    this.#activities = activities;
    this.#filter();
  }

  /** Draw all charts again, in colours that may have changed. */
  redraw() {
    for (const card of this.#cards.values()) card.redraw();
  }

  /** @param {string} device @returns {DeviceCard} */
  #add(device) {
    const card = new DeviceCard(new DeviceModel(device), this.template, this.surroundings);
    this.list.insertBefore(card.element, this.#successor(device));
    this.#cards.set(device, card);
    this.#cardOf.set(card.element, card);
    this.inView.observe(card.element);
    this.sizes.observe(card.element);
    return card;
  }

  /** @param {string} device @returns {Element | null} The card before which it belongs. */
  #successor(device) {
    const { children } = this.list;
    let [low, high] = [0, children.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const name = this.#cardOf.get(children[middle])?.model.name ?? '';
      if (naturally.compare(name, device) < 0) low = middle + 1;
      else high = middle;
    }
    return children[low] ?? null;
  }

  /** @param {DeviceCard} card @returns {boolean} */
  #passes({ model }) {
    if (this.#activities.size > 0 && !this.#activities.has(model.activity)) return false;
    return (
      this.#text === '' ||
      model.name.toLowerCase().includes(this.#text) ||
      styleOf(model.activity).title.toLowerCase().includes(this.#text)
    );
  }

  #filter() {
    for (const card of this.#cards.values()) card.element.hidden = !this.#passes(card);
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #viewChanged(entries) {
    for (const { target, isIntersecting } of entries) this.#cardOf.get(target)?.setVisible(isIntersecting);
  }

  /** Ages grow although nothing comes. */
  #tick() {
    this.#ticks += 1;
    const all = this.#ticks % TICKS_OUT_OF_VIEW === 0;
    for (const card of this.#cards.values()) if (all || card.isVisible) this.#scheduler.request(card);
  }

  /** @param {number} time */
  #flow(time) {
    requestAnimationFrame((next) => this.#flow(next));
    this.#frameTime = 0.9 * this.#frameTime + 0.1 * Math.min(time - this.#frame, 1_000);
    this.#frame = time;
    if (!this.surroundings.flowing() || time - this.#flowed < this.#flowInterval) return;
    this.#flowInterval =
      this.#frameTime > LONG_FRAME_MS
        ? Math.min(this.#flowInterval * 1.1, SLOWEST_FLOW_MS)
        : Math.max(this.#flowInterval / 1.05, FLOW_INTERVAL_MS);
    this.#flowed = time;
    for (const card of this.#cards.values()) {
      if (card.isVisible && !card.isSilent) this.#scheduler.request(card);
    }
  }
}
