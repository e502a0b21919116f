/**
 * The windows that the wearer labelled, for a personal head: the network's probabilities and the mean acceleration of
 * each, and no readings. They are stored on this phone, and never sent.
 *
 * A wearer who taps a label holds the phone in the hand. So windows of the first and last `HANDLING_US` of a label are
 * left out; a window is kept once that much time has passed after it. Later corrections of the label change it.
 */

import { MOST_WINDOWS, coveredSeconds } from './personal-fitting.js';

/** How long the phone may be on its way between hand and pocket, µs. A guess. */
const HANDLING_US = 3_000_000;
const STORE = 'labelled';

/**
 * @typedef {import('../sending/label-journal.js').Label} Label
 *
 * @typedef {object} ClassifiedWindow
 * @property {string} session
 * @property {number} start Event time, µs.
 * @property {number} end Event time, µs.
 * @property {number[]} probabilities The network's output.
 * @property {import('./upright.js').Vector} gravity Mean acceleration, m/s².
 *
 * @typedef {object} Labelling
 * @property {string} device
 * @property {string} release Whose network has classified the window.
 * @property {number} said Start of the label, µs.
 * @property {string} label A class of the release.
 *
 * @typedef {ClassifiedWindow & Labelling} KeptWindow
 */

export class LabelledWindows {
  #database;
  #device;
  /** @type {Map<string, KeptWindow>} By session and start, in order of time. */
  #kept = new Map();
  /** @type {ClassifiedWindow[]} Of the current session, too new to be kept. */
  #waiting = [];
  #release = '';
  /** @type {string[]} */
  #classes = [];
  /** @type {Promise<void>} The previous change of the store. */
  #tail = Promise.resolve();
  /** Why windows could not be stored, as text for the wearer; empty without a fault. */
  fault = '';

  /**
   * @param {import('../sending/database.js').Database} database
   * @param {string} device
   */
  static async open(database, device) {
    const opened = new LabelledWindows(database, device);
    const stored = await database.getAll(STORE);
    for (const window of stored.sort((one, other) => one.start - other.start)) opened.#kept.set(keyOf(window), window);
    // What was labelled under a former name may be another wearer's.
    opened.#delete(stored.filter((window) => window.device !== device));
    return opened;
  }

  /** @param {import('../sending/database.js').Database} database @param {string} device */
  constructor(database, device) {
    this.#database = database;
    this.#device = device;
  }

  get all() {
    return [...this.#kept.values()];
  }

  /** Use another release's classes. The answers of another network are of no use. @param {string} release @param {string[]} classes */
  begin(release, classes) {
    [this.#release, this.#classes, this.#waiting] = [release, classes, []];
    this.#delete(this.all.filter((window) => window.release !== release));
  }

  /**
   * Add a window that was classified, and keep earlier ones that are labelled.
   *
   * @param {ClassifiedWindow} window
   * @param {Label[]} labels The newest ones.
   */
  add(window, labels) {
    const ready = (/** @type {ClassifiedWindow} */ { end }) => end + HANDLING_US <= window.end;
    const waiting = [...this.#waiting, window].filter(({ session }) => session === window.session);
    this.#waiting = waiting.filter((each) => !ready(each));
    for (const each of waiting.filter(ready)) {
      const label = labels.find((said) => isWithin(each, said));
      if (label && this.#classes.includes(label.activity)) this.#keep(each, label);
    }
  }

  /** Correct what is kept by the labels as they are now. @param {Label[]} labels The newest ones; older ones did not change. */
  correct(labels) {
    for (const kept of this.all) {
      const label = labels.find(({ session, start }) => session === kept.session && start === kept.said);
      if (label === undefined || (label.activity === kept.label && isWithin(kept, label))) continue;
      if (isWithin(kept, label) && this.#classes.includes(label.activity)) this.#put({ ...kept, label: label.activity });
      else this.#delete([kept]);
    }
  }

  /** @returns {Promise<void>} Fulfilled once none is stored. */
  clear() {
    this.#waiting = [];
    this.#delete(this.all);
    return this.#tail;
  }

  /** @param {number} lengthUs Of a window. @returns {Map<string, number>} Labelled time by activity, s. */
  seconds(lengthUs) {
    const labels = [...new Set(this.all.map(({ label }) => label))];
    return new Map(
      labels.map((label) => [label, coveredSeconds(this.all.filter((window) => window.label === label), lengthUs)]),
    );
  }

  /** @param {ClassifiedWindow} window @param {Label} said */
  #keep(window, { start: said, activity: label }) {
    this.#put({ ...window, device: this.#device, release: this.#release, said, label });
    const same = this.all.filter((kept) => kept.label === label);
    this.#delete(same.slice(0, Math.max(0, same.length - MOST_WINDOWS)));
  }

  /** @param {KeptWindow} window */
  #put(window) {
    this.#kept.set(keyOf(window), window);
    this.#store(() => this.#database.put(STORE, window));
  }

  /** @param {KeptWindow[]} windows */
  #delete(windows) {
    for (const { session, start } of windows) {
      this.#kept.delete(keyOf({ session, start }));
      this.#store(() => this.#database.delete(STORE, [session, start]));
    }
  }

  /** @param {() => Promise<unknown>} change Done after the earlier ones. */
  #store(change) {
    this.#tail = this.#tail.then(change).then(
      () => {
        this.fault = '';
      },
      (error) => {
        console.error('could not store a labelled window', error);
        this.fault = `Labelled time could not be stored on this phone: ${error.message}`;
      },
    );
  }
}

/** @param {{session: string, start: number}} window */
function keyOf({ session, start }) {
  return `${session} ${start}`;
}

/** @param {ClassifiedWindow} window @param {Label} label @returns {boolean} Whether the label holds for the window. */
function isWithin(window, label) {
  // The gateway does not have a label whose first message it rejected.
  const isRejected = Boolean(label.rejected) && label.accepted === undefined;
  if (window.session !== label.session || isRejected) return false;
  return window.start >= label.start + HANDLING_US && (label.end === null || window.end + HANDLING_US <= label.end);
}
