/** Classification on the phone: the release that the store has for it, verified here, on the server's windows. */

/** How often the store is asked for another release, ms, a fifth more or less. */
const REFRESH_MS = 300_000;

/**
 * @typedef {import('../sending/activity-outlet.js').PhoneAnswer} PhoneAnswer
 * @typedef {object} RunningRelease
 * @property {string} name
 * @property {string} channel
 * @property {import('./classifier.js').Classifier} classifier
 * @property {import('./windows.js').WindowSpec} spec
 */

export class PhoneClassification {
  #device;
  #storage;
  #onChange;
  /** @type {RunningRelease | null} */
  #running = null;
  /** @type {import('./windows.js').WindowCutter | null} */
  #cutter = null;
  #session = '';
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #refresh;
  /** @type {Promise<void>} */
  #tail = Promise.resolve();
  #isOn = false;
  isLoading = false;
  /** Why there is no release, or no newer one; for the wearer. */
  fault = '';
  /** How long a window takes, ms, smoothed. */
  milliseconds = /** @type {number | null} */ (null);

  /**
   * @param {string} device
   * @param {import('../sending/database.js').NamedValues} storage Trusted metadata, and the last good release.
   * @param {() => void} onChange
   */
  constructor(device, storage, onChange) {
    this.#device = device;
    this.#storage = storage;
    this.#onChange = onChange;
  }

  /** What runs; null before a release is there. */
  get release() {
    return this.#running && { name: this.#running.name, channel: this.#running.channel };
  }

  get isReady() {
    return this.#running !== null;
  }

  /** Pull the release, unless one runs. @returns {Promise<void>} When it runs, or `fault` says why not. */
  async start() {
    this.#isOn = true;
    if (!this.#running) await this.refresh();
    this.#schedule();
  }

  stop() {
    this.#isOn = false;
    clearTimeout(this.#refresh);
    this.#cutter = null;
  }

  /**
   * Classify what readings complete; in order, one call after the other.
   *
   * @param {string} session
   * @param {import('../sensing/recorder.js').Columns} columns
   * @returns {Promise<PhoneAnswer[]>}
   */
  add(session, columns) {
    const answers = this.#tail.then(() => this.#classify(session, columns));
    this.#tail = answers.then(
      () => undefined,
      () => undefined, // whoever asked is told
    );
    return answers;
  }

  /** @param {string} session @param {import('../sensing/recorder.js').Columns} columns @returns {Promise<PhoneAnswer[]>} */
  async #classify(session, { times, x, y, z }) {
    const running = this.#running;
    if (!this.#isOn || running === null) return [];
    if (this.#cutter === null || session !== this.#session) {
      const { WindowCutter } = await import('./windows.js');
      this.#cutter = new WindowCutter(running.spec);
      this.#session = session;
    }
    const answers = [];
    for (const { start, values } of this.#cutter.extend(times, x, y, z)) {
      const began = performance.now();
      const { activity, confidence, probabilities } = await running.classifier.classify(values);
      const took = performance.now() - began;
      this.milliseconds = this.milliseconds === null ? took : 0.8 * this.milliseconds + 0.2 * took;
      const end = start + (running.spec.steps * 1e6) / running.spec.rateHz;
      answers.push({ start, end, activity, confidence, probabilities, release: running.name });
    }
    return answers;
  }

  /** Pull the release that the store has now. @returns {Promise<void>} When it runs, or `fault` says why not. */
  async refresh() {
    this.isLoading = true;
    this.#onChange();
    try {
      await this.#update();
    } catch (error) {
      console.warn('no release from the store', error);
      this.fault = /** @type {Error} */ (error).message;
    } finally {
      this.isLoading = false;
      this.#onChange();
    }
  }

  async #update() {
    // All that only this needs, the 14 MB of the runtime too, is loaded only by those who want it.
    const [{ openCurrentRelease, openRelease }, { pullRelease }, { windowSpec }] = await Promise.all([
      import('./current-release.js'),
      import('../releases/release-client.js'),
      import('./windows.js'),
    ]);
    const options = { baseUrl: './store/', device: this.#device, storage: this.#storage };
    const before = this.#running;
    if (before === null) {
      const { release, classifier, rejected } = await openCurrentRelease(options);
      this.#running = { ...release, classifier, spec: windowSpec(release.manifest) };
      this.fault = rejected?.message ?? '';
      return;
    }
    const release = await pullRelease(options);
    this.fault = '';
    if (release.name === before.name) {
      before.channel = release.channel;
      return;
    }
    const { classifier, rejected } = await openRelease(release, this.#storage);
    this.fault = rejected?.message ?? '';
    await this.#tail;
    this.#running = { ...release, classifier, spec: windowSpec(release.manifest) };
    this.#cutter = null; // another release may cut windows in another way
    this.milliseconds = null;
    await before.classifier.close();
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
