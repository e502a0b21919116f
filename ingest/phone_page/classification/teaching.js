/**
 * The personal heads of this phone: one that it made from its wearer's labels, and one that the store has signed for it.
 * The newer one is used. See docs/phones.md.
 */

import { LabelledWindows } from './labelled-windows.js';
import { LEAST_ACTIVITIES, LEAST_SECONDS, PersonalisationError, fitHead } from './personal-fitting.js';
import { checkedHead, fitsRelease } from '../releases/personal-head-document.js';
import { outputsOf } from '../releases/release-documents.js';
import { Unfamiliarity } from './unfamiliarity.js';

const STORED = 'teaching';

/**
 * @typedef {import('../releases/personal-head-document.js').PersonalHead} PersonalHead
 * @typedef {import('../releases/personal-head-document.js').HeldBack} HeldBack
 *
 * @typedef {object} Stored One value, so that it is written as a whole.
 * @property {string} device
 * @property {string} offered The release for which teaching was offered; empty if it was not.
 * @property {PersonalHead | null} head That this phone made.
 *
 * @typedef {object} Parts
 * @property {import('../sending/database.js').Database} database
 * @property {import('../sending/database.js').NamedValues} values
 * @property {string} device
 * @property {{recent: import('../sending/label-journal.js').Label[]}} labels
 * @property {() => boolean} collects Whether labelled windows are kept now.
 * @property {() => void} onChange
 *
 * @typedef {object} CurrentRelease
 * @property {import('../releases/release-documents.js').Manifest} manifest
 * @property {import('../windowing/windows.js').WindowSpec} spec
 */

export class Teaching {
  #parts;
  #windows;
  /** @type {Stored} */
  #stored;
  /** @type {CurrentRelease | null} */
  #release = null;
  /** @type {PersonalHead | null} */
  #signed = null;
  #unfamiliarity = new Unfamiliarity();
  isFitting = false;
  /** Why the last attempt made no head; null without one. @type {PersonalisationError | null} */
  failure = null;
  #fault = '';

  /** @param {Parts} parts */
  static async open(parts) {
    const { database, values, device } = parts;
    const windows = await LabelledWindows.open(database, device);
    const stored = await values.get(STORED);
    const isOwn = stored?.device === device;
    const teaching = new Teaching(parts, windows, isOwn ? stored : { device, offered: '', head: null });
    // What a phone of a former name was taught may be another wearer's.
    if (stored && !isOwn) await teaching.#store({});
    return teaching;
  }

  /** @param {Parts} parts @param {LabelledWindows} windows @param {Stored} stored */
  constructor(parts, windows, stored) {
    this.#parts = parts;
    this.#windows = windows;
    this.#stored = stored;
  }

  /** Why something could not be stored, as text for the wearer; empty without a fault. */
  get fault() {
    return this.#fault || this.#windows.fault;
  }

  /** Whether the current release's answers were unclear enough to offer teaching. */
  get isOffered() {
    return this.#release !== null && this.#stored.offered === this.#release.manifest.release;
  }

  /** The release that ended what this phone was taught; empty if it did not end. */
  get endedBy() {
    const { head } = this.#stored;
    const release = this.#release?.manifest.release ?? '';
    return head === null || head.release === release ? '' : release;
  }

  /** @returns {PersonalHead | null} The newer one of the current release's heads. */
  get head() {
    const release = this.#release;
    if (release === null) return null;
    const fits = (/** @type {PersonalHead | null} */ head) => (head && fitsRelease(head, release.manifest) ? head : null);
    const [own, signed] = [fits(this.#stored.head), fits(this.#signed)];
    if (!own || !signed) return own ?? signed;
    return Date.parse(signed.made) > Date.parse(own.made) ? signed : own;
  }

  /** Whether this phone made the head that is used. */
  get isOwn() {
    return this.head !== null && this.head === this.#stored.head;
  }

  /** Whether the phone has anything that it can forget. */
  get canForget() {
    return this.#stored.head !== null || this.#windows.all.length > 0;
  }

  /** @returns {{activity: string, seconds: number, needed: number}[]} Labelled time, in the order of the classes. */
  get progress() {
    if (this.#release === null) return [];
    const seconds = this.#windows.seconds(lengthOf(this.#release));
    return this.#release.manifest.classes
      .filter((activity) => seconds.has(activity))
      .map((activity) => ({ activity, seconds: /** @type {number} */ (seconds.get(activity)), needed: LEAST_SECONDS }));
  }

  /** Whether enough is labelled. */
  get canFit() {
    return this.progress.filter(({ seconds, needed }) => seconds >= needed).length >= LEAST_ACTIVITIES;
  }

  /** @param {string} release Whose network has classified a window. @returns {PersonalHead | null} What corrects the answer. */
  headFor(release) {
    const { head } = this;
    return head?.release === release ? head : null;
  }

  /**
   * Use a release, and the head that the store has signed for this phone and this release.
   *
   * @param {CurrentRelease} release
   * @param {PersonalHead | null} signed
   */
  begin(release, signed) {
    if (release.manifest.release !== this.#release?.manifest.release) {
      this.failure = null;
      this.#unfamiliarity = new Unfamiliarity();
      this.#windows.begin(release.manifest.release, release.manifest.classes);
    }
    this.#release = release;
    this.#signed = signed;
  }

  /**
   * Keep a classified window if it is labelled.
   *
   * @param {string} release Whose network has classified it.
   * @param {import('./labelled-windows.js').ClassifiedWindow} window
   */
  add(release, window) {
    const isCurrent = release === this.#release?.manifest.release;
    if (isCurrent && this.#parts.collects()) this.#windows.add(window, this.#parts.labels.recent);
  }

  /** Follow the phone's answers, and offer teaching if they are unclear. @param {import('./unfamiliarity.js').Answer} answer */
  answered(answer) {
    this.#unfamiliarity.add(answer);
    if (this.#parts.collects() && this.#unfamiliarity.isUnfamiliar && !this.isOffered) this.#offer();
  }

  /** Correct the labelled windows by the labels as they are now. */
  correct() {
    this.#windows.correct(this.#parts.labels.recent);
  }

  /** Offer teaching until it is done, or another release is used. */
  async #offer() {
    if (this.#release !== null) await this.#store({ offered: this.#release.manifest.release });
  }

  /** Make a head from what is labelled, and use it if it answers better. `failure` says why not. */
  async fit() {
    const release = this.#release;
    if (this.isFitting || release === null) return;
    this.isFitting = true;
    this.failure = null;
    this.#parts.onChange();
    try {
      const { manifest } = release;
      const fitted = await fitHead(this.#windows.all, outputsOf(manifest), manifest.classes.length, lengthOf(release));
      if (this.#release?.manifest.release !== manifest.release) return; // it ended meanwhile
      const head = checkedHead({
        device: this.#parts.device,
        number: Math.max(this.#stored.head?.number ?? 0, this.#signed?.number ?? 0) + 1,
        release: manifest.release,
        outputs: outputsOf(manifest),
        classes: manifest.classes.length,
        ...fitted,
        effective: Date.now() * 1_000,
        made: new Date().toISOString(),
        schema: 1,
      });
      await this.#store({ head, offered: '' });
      this.#unfamiliarity = new Unfamiliarity(); // the earlier answers were given without the head
    } catch (error) {
      if (!(error instanceof PersonalisationError)) throw error;
      this.failure = error;
    } finally {
      this.isFitting = false;
      this.#parts.onChange();
    }
  }

  /** Forget the head that this phone made, and what was labelled for it. */
  async forget() {
    this.failure = null;
    await this.#windows.clear();
    await this.#store({ head: null, offered: '' });
  }

  /** @param {Partial<Stored>} changes */
  async #store(changes) {
    this.#stored = { ...this.#stored, ...changes };
    try {
      await this.#parts.values.set(STORED, this.#stored);
      this.#fault = '';
    } catch (error) {
      console.error('could not store what this phone was taught', error);
      this.#fault = `What this phone was taught could not be stored: ${/** @type {Error} */ (error).message}`;
    }
    this.#parts.onChange();
  }
}

/** @param {CurrentRelease} release @returns {number} Length of a window, µs. */
function lengthOf({ spec }) {
  return (spec.steps * 1e6) / spec.rateHz;
}
