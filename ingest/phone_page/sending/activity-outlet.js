/** Puts the phone's own predictions into an outbox, as numbered reports (har/activity_reports.py). */

const SCHEMA = 1;

/**
 * @typedef {object} PhonePrediction A window in a report.
 * @property {number} start Event time, µs.
 * @property {number} end Event time, µs.
 * @property {string} activity
 * @property {number} confidence From 0 to 1.
 * @property {Record<string, number>} probabilities By class.
 * @property {string} release
 * @property {string} [reason] Why the window was not classified; missing if it was.
 * @property {string} [kind] For `unknown`: the kind of background, if one is probable enough.
 * @property {Record<string, number>} [background] By kind of background; missing if the release knows none.
 * @property {number} [lean] Cosine of the lean against the session's upright reference; missing without one.
 * @property {{activity: string, confidence: number}} [alone] The answer without the reference; missing if it is the same.
 * @property {number} [personal] Number of the personal head that corrected the network's answer; missing if none did.
 */

export class ActivityOutlet {
  #outbox;
  #device;
  #onLost;
  #numbering = { session: '', sequence: 0 };
  /** @type {Promise<void>} */
  #tail = Promise.resolve();

  /**
   * @param {import('./outbox.js').Outbox} outbox
   * @param {string} device
   * @param {import('./sample-outlet.js').OnLost} onLost
   */
  constructor(outbox, device, onLost) {
    this.#outbox = outbox;
    this.#device = device;
    this.#onLost = onLost;
  }

  /** @param {string} session @param {PhonePrediction[]} windows Of this session, at most 100, in order. */
  add(session, windows) {
    this.#tail = this.#tail.then(() => this.#write(session, windows));
    return this.#tail;
  }

  /** @param {string} session @param {PhonePrediction[]} windows */
  async #write(session, windows) {
    if (this.#numbering.session !== session) this.#numbering = { session, sequence: 0 };
    const { sequence } = this.#numbering;
    const [from, until] = [windows[0].start, /** @type {PhonePrediction} */ (windows.at(-1)).end];
    const body = JSON.stringify({ device: this.#device, session, sequence, schema: SCHEMA, windows });
    try {
      if (await this.#outbox.add({ session, sequence, from, until, body })) {
        this.#numbering = { session, sequence: sequence + 1 };
        return;
      }
      this.#onLost(from, until, windows.length, 'full');
    } catch (error) {
      console.error('could not store activities', error);
      this.#onLost(from, until, windows.length, 'storage');
    }
  }
}
