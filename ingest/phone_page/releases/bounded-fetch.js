/** Fetching from a store with limits on bytes and time. */

import { UpdateRejectedError, rejectUnless, textOf } from './update-rejection.js';

/** Status codes for a file that the store does not have; object storage may return 403. */
const MISSING = new Set([403, 404]);

/**
 * @typedef {object} Patience Time limits of a pull.
 * @property {number} deadlineMs For all files of one pull.
 * @property {number} graceMs From the start of a file; the rate is not checked before.
 * @property {number} leastBytesPerSecond Minimal average rate of a file.
 * @property {number} silenceMs Longest time without data.
 */

/** @type {Patience} */
export const PATIENCE = { deadlineMs: 120_000, graceMs: 5_000, leastBytesPerSecond: 2_000, silenceMs: 5_000 };

/** Fetches the files of one pull. */
export class BoundedFetcher {
  #base;
  #patience;
  #deadline;

  /**
   * @param {string} baseUrl The store's URL, relative to the page.
   * @param {Patience} [patience]
   */
  constructor(baseUrl, patience = PATIENCE) {
    this.#base = new URL(baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/`, globalThis.location.href);
    this.#patience = patience;
    this.#deadline = performance.now() + patience.deadlineMs;
  }

  /**
   * @param {string} name The file's name in the store.
   * @param {number} limit Maximal length in bytes.
   * @returns {Promise<Uint8Array<ArrayBuffer>>}
   * @throws {UpdateRejectedError} With the reason `unreachable`, `slow` or `too long`.
   */
  async fetch(name, limit) {
    const found = await this.fetchIfPresent(name, limit);
    rejectUnless(found !== null, 'unreachable', `the store has no ${name}`);
    return found;
  }

  /**
   * @param {string} name The file's name in the store.
   * @param {number} limit Maximal length in bytes.
   * @returns {Promise<Uint8Array<ArrayBuffer> | null>} Null if the store has no such file.
   * @throws {UpdateRejectedError} With the reason `unreachable`, `slow` or `too long`.
   */
  async fetchIfPresent(name, limit) {
    const watchdog = new Watchdog(name, this.#patience, this.#deadline);
    try {
      const response = await fetch(new URL(name, this.#base), {
        signal: watchdog.signal,
        // Signed files are kept in the storage; an HTTP cache could only return older ones.
        cache: 'no-store',
        redirect: 'error',
      });
      if (MISSING.has(response.status)) return null;
      rejectUnless(response.status === 200, 'unreachable', `${name}: the store returned status ${response.status}`);
      return await readBody(response, name, limit, watchdog);
    } catch (error) {
      if (error instanceof UpdateRejectedError) throw error;
      throw watchdog.rejection ?? new UpdateRejectedError('unreachable', `${name}: ${textOf(error)}`, { cause: error });
    } finally {
      watchdog.end();
    }
  }
}

/**
 * @param {Response} response
 * @param {string} name
 * @param {number} limit
 * @param {Watchdog} watchdog
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
async function readBody(response, name, limit, watchdog) {
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const pieces = [];
  let length = 0;
  const reader = response.body?.getReader();
  while (reader !== undefined) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    rejectUnless(length <= limit, 'too long', `${name} is longer than ${limit} bytes`);
    watchdog.received(length);
    pieces.push(value);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** Aborts the request for a file when it is too slow. */
class Watchdog {
  #name;
  #patience;
  #deadline;
  #began = performance.now();
  #abort = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #silence;
  /** @type {UpdateRejectedError | null} Why the request was aborted. */
  rejection = null;

  /**
   * @param {string} name The file's name.
   * @param {Patience} patience
   * @param {number} deadline By `performance.now()`.
   */
  constructor(name, patience, deadline) {
    this.#name = name;
    this.#patience = patience;
    this.#deadline = deadline;
    this.#startTimer();
  }

  get signal() {
    return this.#abort.signal;
  }

  /**
   * @param {number} bytes How many have arrived so far.
   * @throws {UpdateRejectedError} If the average rate is too low.
   */
  received(bytes) {
    const { graceMs, leastBytesPerSecond } = this.#patience;
    const seconds = (performance.now() - this.#began) / 1_000;
    const isSlow = seconds > graceMs / 1_000 && bytes < seconds * leastBytesPerSecond;
    const rate = Math.round(bytes / seconds);
    rejectUnless(
      !isSlow,
      'slow',
      `${this.#name} arrives at ${rate} bytes per second; the minimum is ${leastBytesPerSecond}`,
    );
    this.#startTimer();
  }

  /** Stop the timer, and abort the request if it is still open. */
  end() {
    clearTimeout(this.#silence);
    this.#abort.abort();
  }

  #startTimer() {
    clearTimeout(this.#silence);
    const left = Math.max(0, this.#deadline - performance.now());
    const { silenceMs, deadlineMs } = this.#patience;
    const detail = left < silenceMs ? `did not arrive within ${deadlineMs} ms` : `sent no data for ${silenceMs} ms`;
    this.#silence = setTimeout(
      () => {
        this.rejection = new UpdateRejectedError('slow', `${this.#name} ${detail}`);
        this.#abort.abort(this.rejection);
      },
      Math.min(left, silenceMs),
    );
  }
}
