/** Whether a phone is worn in a way that its release does not know; har/unfamiliarity.py has the reasons. */

import { UNKNOWN } from '../releases/release-documents.js';

const WINDOWS = 60;
const UNCLEAR_BELOW = 0.5;
const LEAST_SHARE = 0.4;

/**
 * @typedef {object} Answer
 * @property {string} session
 * @property {number} start Event time, µs.
 * @property {string} activity
 * @property {number} confidence From 0 to 1.
 * @property {string | null} [kind]
 * @property {string | null} [reason] Why the window was not classified; null or missing if it was.
 */

/** Follows the answers of one side, the server or the phone, in order. */
export class Unfamiliarity {
  /** @type {boolean[]} The newest last. */
  #unclear = [];
  #session = '';
  #start = 0;

  /** @param {Answer} answer Windows that were not classified, repeated ones and earlier ones of a session do not count. */
  add({ session, start, activity, confidence, kind, reason }) {
    if (reason || (session === this.#session && start <= this.#start)) return;
    [this.#session, this.#start] = [session, start];
    const isUnclear = activity === UNKNOWN ? !kind : confidence < UNCLEAR_BELOW;
    this.#unclear = [...this.#unclear, isUnclear].slice(-WINDOWS);
  }

  get isUnfamiliar() {
    const count = this.#unclear.filter(Boolean).length;
    return this.#unclear.length === WINDOWS && count >= LEAST_SHARE * WINDOWS;
  }
}
