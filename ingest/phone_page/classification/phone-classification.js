/** Classification on the phone, with the store's release and the same windows as the server. */

import { corrected } from './personal-head.js';
import { NO_REFERENCE, gravityOf } from './upright.js';

/** Mean time between two checks for a new release, ms; each varies by 20%. */
const REFRESH_MS = 300_000;

/**
 * @typedef {import('../sending/activity-outlet.js').PhonePrediction} PhonePrediction
 * @typedef {object} CurrentRelease
 * @property {string} name
 * @property {string} channel
 * @property {import('./classifier.js').Classifier} classifier
 * @property {import('../releases/personal-head-document.js').PersonalHead | null} head The store's, for this phone.
 * @property {import('../windowing/windows.js').WindowSpec} spec
 * @property {import('../windowing/signal-quality.js').SignalBounds} bounds
 */

export class PhoneClassification {
  #device;
  #storage;
  #onChange;
  #teaching;
  /** @type {CurrentRelease | null} */
  #current = null;
  /** @type {import('../windowing/windows.js').WindowCutter | null} */
  #cutter = null;
  #session = '';
  /** What the session knows about upright. It outlives a change of the release, and pauses as the rule allows. */
  #reference = NO_REFERENCE;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #refresh;
  /** @type {Promise<void>} Settles after the last call of `add`. */
  #tail = Promise.resolve();
  #isOn = false;
  isLoading = false;
  /** Why the store's release is not used or not stored, as text for the wearer; empty without a fault. */
  fault = '';
  /** Smoothed time per window, ms; null before the first. */
  milliseconds = /** @type {number | null} */ (null);

  /**
   * @param {string} device The device's name.
   * @param {import('../sending/database.js').NamedValues} storage For metadata and the last good release.
   * @param {() => void} onChange
   * @param {import('./teaching.js').Teaching | null} [teaching] Knows the personal heads; null uses none.
   */
  constructor(device, storage, onChange, teaching = null) {
    this.#device = device;
    this.#storage = storage;
    this.#onChange = onChange;
    this.#teaching = teaching;
  }

  /** The current release; null before one is loaded. */
  get release() {
    return this.#current && { name: this.#current.name, channel: this.#current.channel };
  }

  /** @param {string} kind @returns {string} What a kind of background is; its name if the release does not have it. */
  kindTitle(kind) {
    const kinds = this.#current?.classifier.manifest.background?.kinds ?? [];
    return kinds.find(({ name }) => name === kind)?.title ?? kind;
  }

  /** @returns {import('./upright-progress.js').Known | null} Of the session's reference; null if the release has no rule. */
  get upright() {
    const rule = this.#current?.classifier.rule ?? null;
    return rule && { ...this.#reference, needed: rule.needed };
  }

  get isReady() {
    return this.#current !== null;
  }

  /** Load the release unless one is loaded. @returns {Promise<void>} When it is loaded or `fault` is set. */
  async start() {
    this.#isOn = true;
    if (!this.#current) await this.refresh();
    this.#schedule();
  }

  stop() {
    this.#isOn = false;
    clearTimeout(this.#refresh);
    this.#cutter = null;
  }

  /**
   * Add readings, and classify the windows that they complete. Calls are processed in order.
   *
   * @param {string} session
   * @param {import('../sensing/recorder.js').Columns} columns
   * @returns {Promise<PhonePrediction[]>}
   */
  add(session, columns) {
    const predictions = this.#tail.then(() => this.#classify(session, columns));
    this.#tail = predictions.then(
      () => undefined,
      () => undefined, // the caller gets the error
    );
    return predictions;
  }

  /**
   * @param {string} session
   * @param {import('../sensing/recorder.js').Columns} columns
   * @returns {Promise<PhonePrediction[]>}
   */
  async #classify(session, { times, x, y, z }) {
    const current = this.#current;
    if (!this.#isOn || current === null) return [];
    if (session !== this.#session) {
      this.#cutter = null;
      this.#reference = NO_REFERENCE;
      this.#session = session;
    }
    if (this.#cutter === null) {
      const { WindowCutter } = await import('../windowing/windows.js');
      this.#cutter = new WindowCutter(current.spec);
    }
    const predictions = [];
    for (const window of this.#cutter.extend(times, x, y, z)) {
      const end = window.start + (current.spec.steps * 1e6) / current.spec.rateHz;
      predictions.push({ start: window.start, end, ...(await this.#predict(current, { ...window, end })), release: current.name });
    }
    return predictions;
  }

  /**
   * @param {CurrentRelease} current
   * @param {import('../windowing/windows.js').CutWindow & {end: number}} window
   * @returns {Promise<Omit<PhonePrediction, 'start' | 'end' | 'release'>>}
   */
  async #predict({ name, classifier, bounds }, window) {
    const { unclassifiedReason } = await import('../windowing/signal-quality.js');
    const reason = unclassifiedReason(bounds, window.quality);
    if (reason !== null) {
      const { noDecision } = await import('./decisions.js');
      return { ...noDecision(classifier.manifest.classes), reason };
    }
    const began = performance.now();
    const probabilities = await classifier.probabilities(window.values);
    const gravity = gravityOf(window.values);
    const { start, end } = window;
    this.#teaching?.add(name, { session: this.#session, start, end, probabilities: Array.from(probabilities), gravity });
    const head = this.#teaching?.headFor(name) ?? null;
    const answer = head && corrected(head, probabilities, gravity);
    const alone = classifier.prediction(answer ?? probabilities, answer ? head?.number : undefined);
    const took = performance.now() - began;
    this.milliseconds = this.milliseconds === null ? took : 0.8 * this.milliseconds + 0.2 * took;
    const { judged } = await import('./session-reference.js');
    const { prediction, reference } = judged(alone, classifier, window, this.#reference);
    this.#reference = reference;
    this.#teaching?.answered({ session: this.#session, start, ...prediction });
    return prediction;
  }

  /** Load the store's current release. @returns {Promise<void>} When it is loaded or `fault` is set. */
  async refresh() {
    this.isLoading = true;
    this.#onChange();
    try {
      await this.#update();
    } catch (error) {
      console.warn('could not load the release from the store', error);
      this.fault = /** @type {Error} */ (error).message;
    } finally {
      this.isLoading = false;
      this.#onChange();
    }
  }

  async #update() {
    // Imported here, because only phones that classify need these modules and the runtime's 14 MB.
    const [{ openCurrentRelease, openRelease }, { pullRelease }, { windowSpec }, { signalBounds }] = await Promise.all([
      import('./current-release.js'),
      import('../releases/release-client.js'),
      import('../windowing/windows.js'),
      import('../windowing/signal-quality.js'),
    ]);
    const prepared = (
      /** @type {import('../releases/release-client.js').Release} */ release,
      /** @type {import('./classifier.js').Classifier} */ classifier,
    ) => ({ ...release, classifier, spec: windowSpec(release.manifest), bounds: signalBounds(release.manifest) });
    const options = { baseUrl: './store/', device: this.#device, storage: this.#storage };
    const before = this.#current;
    if (before === null) {
      const { release, classifier, rejected } = await openCurrentRelease(options);
      this.#use(prepared(release, classifier));
      this.fault = (rejected ?? release.headRejected)?.message ?? '';
      return;
    }
    const release = await pullRelease(options);
    this.fault = release.headRejected?.message ?? '';
    if (release.name === before.name) {
      this.#use({ ...before, channel: release.channel, head: release.head });
      return;
    }
    const { classifier, rejected } = await openRelease(release, this.#storage);
    this.fault = (rejected ?? release.headRejected)?.message ?? '';
    await this.#tail;
    this.#use(prepared(release, classifier));
    this.#cutter = null; // another release may need other windows
    this.milliseconds = null;
    await before.classifier.close();
  }

  /** @param {CurrentRelease} release */
  #use(release) {
    this.#current = release;
    this.#teaching?.begin({ manifest: release.classifier.manifest, spec: release.spec }, release.head);
  }

  #schedule() {
    clearTimeout(this.#refresh);
    if (!this.#isOn) return;
    this.#refresh = setTimeout(
      async () => {
        await this.refresh();
        this.#schedule();
      },
      REFRESH_MS * (0.8 + 0.4 * Math.random()),
    );
  }
}
