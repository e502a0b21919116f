/** What the server and the phone say of the same windows. */

/** Windows that are remembered for their counterpart, five minutes. */
const MOST_WINDOWS = 300;

/**
 * @typedef {object} Answer
 * @property {string} session
 * @property {number} start Event time, µs.
 * @property {number} end
 * @property {string} activity
 * @property {number} confidence
 * @property {string} release
 *
 * @typedef {{server?: Answer, phone?: Answer}} Pair
 */

export class AnswerComparison {
  /** @type {Map<string, Pair>} By session and start, in the order in which they came. */
  #pairs = new Map();
  compared = 0;
  agreeing = 0;
  /** Whether the last two answers that were compared are of the same release. */
  sameRelease = true;
  /** @type {Answer | null} The newest of each. */
  server = null;
  /** @type {Answer | null} */
  phone = null;
  /** From the end of the newest window that the server has classified to its answer, µs; null if that is not known. */
  serverLatency = /** @type {number | null} */ (null);

  /** @param {Answer} answer @param {number} now Event time, µs. */
  addServer(answer, now) {
    if (!this.server || this.server.session !== answer.session || answer.start >= this.server.start) {
      this.server = answer;
      this.serverLatency = now - answer.end;
    }
    this.#add('server', answer);
  }

  /** @param {Answer} answer */
  addPhone(answer) {
    this.phone = answer;
    this.#add('phone', answer);
  }

  /** What the phone said counts no longer, because it does not classify any more. */
  forgetPhone() {
    this.phone = null;
  }

  /** @param {'server' | 'phone'} side @param {Answer} answer */
  #add(side, answer) {
    const key = `${answer.session} ${answer.start}`;
    const pair = this.#pairs.get(key) ?? {};
    if (pair.server && pair.phone) this.#count(pair, -1);
    pair[side] = answer;
    if (pair.server && pair.phone) {
      this.#count(pair, 1);
      this.sameRelease = pair.server.release === pair.phone.release;
    }
    this.#pairs.set(key, pair);
    for (const old of this.#pairs.keys()) {
      if (this.#pairs.size <= MOST_WINDOWS) break;
      this.#pairs.delete(old); // what was compared stays counted
    }
  }

  /** @param {Pair} pair @param {number} by */
  #count({ server, phone }, by) {
    this.compared += by;
    if (server?.activity === phone?.activity) this.agreeing += by;
  }
}
