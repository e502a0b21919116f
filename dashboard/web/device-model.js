/** The state of one device: its activity, timeline and trace. */

const SECOND_US = 1_000_000;
/** Time span of the kept trace. */
const TRACE_US = 13 * SECOND_US;
/** A longer pause between two values, in periods, is shown as a gap. */
const GAP_PERIODS = 1.5;
/** Delay of the shown trace. It lets the trace scroll smoothly although its data arrives in chunks. */
const PLAYOUT_US = 1.25 * SECOND_US;
const MAX_PLAYOUT_US = 3 * SECOND_US;

/** @typedef {[start: number, end: number, activity: string, confidence: number, reason: string | null, kind: string | null]} TimelineEntry Event times in µs. */
/** @typedef {{start: number, period: number, x: number[], y: number[], z: number[]}} TraceChunk In µs and m/s². */
/**
 * @typedef {object} Span
 * @property {string} activity
 * @property {number} start Event time, µs.
 * @property {number} end Event time, µs.
 * @property {string[]} reasons Of its windows that were not classified.
 * @property {string[]} kinds What its windows show instead of an activity, in words.
 * @property {number} windows
 */

export class DeviceModel {
  /** The steady activity. */
  activity = '';
  /** Event time since when the activity is steady, µs. */
  since = 0;
  confidence = 0;
  /** Why the steady activity is unknown, if the readings tell too little; empty otherwise. */
  reason = '';
  /** What is shown instead of an activity, in words, if a kind of background is probable enough; empty otherwise. */
  kind = '';
  /** @type {import('./shared/upright-words.js').UprightProgress | null} What the session knows about upright. */
  upright = null;
  /** Whether the device's personal head corrects the answers. */
  personal = false;
  release = '';
  /** End of the newest window, event time, µs. */
  newest = 0;
  /** When data arrived last, by the server's clock, µs. */
  seen = 0;
  /** When the newest prediction's last reading arrived at the gateway, µs. */
  arrived = 0;
  /** @type {TimelineEntry[]} Sorted by start. */
  #windows = [];
  /** @type {TraceChunk[]} Sorted by start. */
  #trace = [];
  /** Event time at the trace's right edge minus local time, µs; NaN before the first chunk. */
  #playoutOffset = Number.NaN;

  /** @param {string} name The device's identifier. */
  constructor(name) {
    this.name = name;
  }

  /**
   * Apply a `DeviceChanges` message. This is idempotent.
   *
   * @param {any} changes From the server.
   * @param {number} historyUs Time span of the timeline, µs.
   * @param {number} localUs The page's monotonic clock, µs.
   * @returns {boolean} Whether the steady activity, its reason or its kind has changed.
   */
  apply(changes, historyUs, localUs) {
    if (changes.complete) {
      this.#windows = [];
      this.#trace = [];
      this.#playoutOffset = Number.NaN;
    }
    const { activity, reason, kind } = this;
    this.activity = changes.activity;
    this.since = changes.since;
    this.confidence = changes.confidence;
    this.reason = changes.reason ?? '';
    this.kind = changes.kind ?? '';
    this.upright = changes.upright ?? null;
    this.personal = changes.personal ?? false;
    this.release = changes.release;
    this.newest = changes.newest;
    this.seen = changes.seen;
    this.arrived = changes.arrived;
    for (const entry of changes.windows) put(this.#windows, entry, (window) => window[0]);
    for (const chunk of changes.trace) put(this.#trace, chunk, (known) => known.start);
    dropWhile(this.#windows, (window) => window[1] <= this.newest - historyUs);
    dropWhile(this.#trace, (chunk) => traceEnd(chunk) <= this.traceNewest - TRACE_US);
    if (changes.trace.length > 0) this.#adjustPlayout(localUs);
    return activity !== '' && (activity !== this.activity || reason !== this.reason || kind !== this.kind);
  }

  /** Event time of the newest acceleration, µs; 0 without any. */
  get traceNewest() {
    const last = this.#trace.at(-1);
    return last ? traceEnd(last) : 0;
  }

  /**
   * @param {number} localUs The page's monotonic clock, µs.
   * @param {boolean} animated Whether the trace scrolls smoothly; otherwise it moves when data arrives.
   * @returns {number} The event time at the right edge of the trace, µs.
   */
  traceEdge(localUs, animated) {
    const newest = this.traceNewest;
    if (!animated || Number.isNaN(this.#playoutOffset)) return newest;
    return Math.min(Math.max(localUs + this.#playoutOffset, newest - MAX_PLAYOUT_US), newest);
  }

  /** @returns {(number | null)[][]} Columns of time (s), x, y, z (m/s²); null in gaps. */
  traceColumns() {
    /** @type {(number | null)[][]} */
    const columns = [[], [], [], []];
    let expected = 0;
    for (const { start, period, x, y, z } of this.#trace) {
      if (expected !== 0 && start - expected > GAP_PERIODS * period) {
        columns[0].push(expected / SECOND_US);
        for (const column of columns.slice(1)) column.push(null);
      }
      for (let step = 0; step < x.length; step += 1) {
        const time = start + step * period;
        if (time < expected - period / 2) continue;
        columns[0].push(time / SECOND_US);
        columns[1].push(x[step]);
        columns[2].push(y[step]);
        columns[3].push(z[step]);
      }
      expected = Math.max(expected, start + period * x.length);
    }
    return columns;
  }

  /**
   * Return the timeline. A window covers one hop around its middle; the newest one reaches to its end.
   *
   * @returns {Span[]}
   */
  spans() {
    /** @type {Span[]} */
    const spans = [];
    const hop = this.#hop();
    for (const [start, end, activity, , reason, kind] of this.#windows) {
      const middle = (start + end) / 2;
      const last = spans.at(-1);
      if (last && last.activity === activity && middle - hop / 2 - last.end < hop / 2) {
        last.end = middle + hop / 2;
        last.windows += 1;
        if (reason) last.reasons.push(reason);
        if (kind) last.kinds.push(kind);
      } else {
        const reasons = reason ? [reason] : [];
        const kinds = kind ? [kind] : [];
        spans.push({ activity, start: middle - hop / 2, end: middle + hop / 2, reasons, kinds, windows: 1 });
      }
    }
    const last = spans.at(-1);
    if (last) last.end = this.newest;
    return spans;
  }

  /** @returns {number} The shortest time between the starts of two windows, µs. */
  #hop() {
    let hop = 5 * SECOND_US;
    for (let at = 1; at < this.#windows.length; at += 1) {
      hop = Math.min(hop, this.#windows[at][0] - this.#windows[at - 1][0]);
    }
    return this.#windows.length > 1 ? hop : SECOND_US;
  }

  /** Approach the target delay slowly, or at once if it is far off. @param {number} localUs */
  #adjustPlayout(localUs) {
    const target = this.traceNewest - localUs - PLAYOUT_US;
    const error = target - this.#playoutOffset;
    this.#playoutOffset = Math.abs(error) < 2 * SECOND_US ? this.#playoutOffset + 0.1 * error : target;
  }
}

/**
 * @param {Span} span
 * @returns {string} Why most of its windows were not classified: the most frequent reason; empty if most were.
 */
export function reasonOf({ reasons, windows }) {
  return mostFrequent(reasons, windows);
}

/**
 * @param {Span} span
 * @returns {string} What most of its windows show instead of an activity: the most frequent kind; empty if few show one.
 */
export function kindOf({ kinds, windows }) {
  return mostFrequent(kinds, windows);
}

/** @param {string[]} texts @param {number} windows @returns {string} Empty if no more than half of the windows have one. */
function mostFrequent(texts, windows) {
  if (2 * texts.length <= windows) return '';
  const counts = new Map();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].reduce((best, other) => (other[1] > best[1] ? other : best))[0];
}

/** @param {TraceChunk} chunk @returns {number} Event time, µs. */
function traceEnd(chunk) {
  return chunk.start + chunk.period * chunk.x.length;
}

/**
 * Insert an item into a sorted array, or replace the item with the same key.
 *
 * @template T
 * @param {T[]} sorted
 * @param {T} item
 * @param {(item: T) => number} key
 */
function put(sorted, item, key) {
  let at = sorted.length;
  while (at > 0 && key(sorted[at - 1]) > key(item)) at -= 1;
  if (at > 0 && key(sorted[at - 1]) === key(item)) sorted[at - 1] = item;
  else sorted.splice(at, 0, item);
}

/**
 * Remove old items from the start of an array; the last item always stays.
 *
 * @template T
 * @param {T[]} items
 * @param {(item: T) => boolean} isOld
 */
function dropWhile(items, isOld) {
  const kept = items.findIndex((item) => !isOld(item));
  items.splice(0, kept < 0 ? Math.max(items.length - 1, 0) : kept);
}
