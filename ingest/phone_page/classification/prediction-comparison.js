/** Compares the server's and the phone's predictions of the same windows. */

import { Unfamiliarity } from './unfamiliarity.js';
import { UprightFollower, knownOf } from './upright-progress.js';

/** Windows that wait for the other prediction: those of five minutes. */
const MAX_WINDOWS = 300;

/**
 * @typedef {object} Prediction
 * @property {string} session
 * @property {number} start Event time, µs.
 * @property {number} end Event time, µs.
 * @property {string} activity
 * @property {number} confidence From 0 to 1.
 * @property {string} release
 * @property {string | null} [reason] Why the window was not classified; null or missing if it was.
 * @property {string | null} [kind] For `unknown`: the kind of background, if one is probable enough.
 * @property {string | null} [kindTitle] What the kind is, in words.
 * @property {number | null} [lean] Cosine of the lean against the session's upright reference; null or missing without one.
 * @property {number | null} [personal] Number of the personal head that corrected the answer; null or missing if none did.
 * @property {import('./upright-progress.js').SentReference | null} [reference] The server's, after the window.
 *
 * @typedef {{server?: Prediction, phone?: Prediction}} Pair
 */

export class PredictionComparison {
  /** @type {Map<string, Pair>} By session and start, in order of arrival. */
  #pairs = new Map();
  /** Windows that both classified. */
  compared = 0;
  /** Windows with the same activity in both. */
  agreeing = 0;
  /** Whether the last two compared predictions are of the same release. */
  sameRelease = true;
  /** @type {Prediction | null} The newest. */
  server = null;
  /** @type {Prediction | null} The newest. */
  phone = null;
  /** From the end of the server's newest window to the arrival of its prediction, µs; null before the first. */
  serverLatency = /** @type {number | null} */ (null);
  /** How far the server is with the upright reference of its newest prediction's session. */
  serverUpright = new UprightFollower();
  /** The same of the phone. */
  phoneUpright = new UprightFollower();
  /** Whether the server's answers say that it does not know this way of wearing the phone. */
  serverUnfamiliarity = new Unfamiliarity();

  /** @param {Prediction} prediction @param {number} now Event time, µs. */
  addServer(prediction, now) {
    if (!this.server || this.server.session !== prediction.session || prediction.start >= this.server.start) {
      this.server = prediction;
      this.serverLatency = now - prediction.end;
      this.serverUpright.follow(prediction, knownOf(prediction.reference));
      this.serverUnfamiliarity.add(prediction);
    }
    this.#add('server', prediction);
  }

  /**
   * @param {Prediction} prediction
   * @param {import('./upright-progress.js').Known | null} [upright] Of the phone's reference; null if the release has no rule.
   */
  addPhone(prediction, upright = null) {
    this.phone = prediction;
    this.phoneUpright.follow(prediction, upright);
    this.#add('phone', prediction);
  }

  /** Forget the phone's newest prediction, because the phone has stopped classifying. */
  forgetPhone() {
    this.phone = null;
    this.phoneUpright = new UprightFollower();
  }

  /** @param {'server' | 'phone'} side @param {Prediction} prediction */
  #add(side, prediction) {
    const key = `${prediction.session} ${prediction.start}`;
    const pair = this.#pairs.get(key) ?? {};
    if (pair.server && pair.phone) this.#count(pair, -1);
    pair[side] = prediction;
    if (pair.server && pair.phone) {
      this.#count(pair, 1);
      this.sameRelease = pair.server.release === pair.phone.release;
    }
    this.#pairs.set(key, pair);
    for (const old of this.#pairs.keys()) {
      if (this.#pairs.size <= MAX_WINDOWS) break;
      this.#pairs.delete(old); // the counts stay
    }
  }

  /** @param {Pair} pair @param {number} by */
  #count({ server, phone }, by) {
    if (server?.reason || phone?.reason) return; // a network was not asked
    this.compared += by;
    if (server?.activity === phone?.activity) this.agreeing += by;
  }
}
