/** Fetching from a store: never more bytes than were allowed, and in bounded time. */

import { UpdateRejectedError, rejectUnless, textOf } from './update-rejection.js';

/** What a store answers that has no such file. */
const MISSING = new Set([403, 404]);

/**
 * @typedef {object} Patience How long a store is borne with.
 * @property {number} deadlineMs For all that one pull fetches.
 * @property {number} graceMs From the start of a file, in which the rate does not count yet.
 * @property {number} leastBytesPerSecond A file that comes slower, on the average, is given up.
 * @property {number} silenceMs A connection that is silent for so long is given up.
 */

/** @type {Patience} */
export const PATIENCE = { deadlineMs: 120_000, graceMs: 5_000, leastBytesPerSecond: 2_000, silenceMs: 5_000 };

/** Fetches the files of one pull. */
export class BoundedFetcher {
  #base;
  #patience;
  #deadline;

  /**
   * @param {string} baseUrl Where the store is; relative to the page.
   * @param {Patience} [patience]
   */
  constructor(baseUrl, patience = PATIENCE) {
    this.#base = new URL(baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/`, globalThis.location.href);
    this.#patience = patience;
    this.#deadline = performance.now() + patience.deadlineMs;
  }

  /**
   * @param {string} name The file's, in the store.
   * @param {number} most Bytes that it may have.
   * @returns {Promise<Uint8Array<ArrayBuffer>>}
   * @throws {UpdateRejectedError} As unreachable, slow or too long.
   */
  async fetch(name, most) {
    const found = await this.fetchIfThere(name, most);
    rejectUnless(found !== null, 'unreachable', `the store has no ${name}`);
    return found;
  }

  /**
   * @param {string} name The file's, in the store.
   * @param {number} most Bytes that it may have.
   * @returns {Promise<Uint8Array<ArrayBuffer> | null>} Null if the store says that there is none.
   * @throws {UpdateRejectedError} As unreachable, slow or too long.
   */
  async fetchIfThere(name, most) {
    const pace = new Pace(name, this.#patience, this.#deadline);
    try {
      const answer = await fetch(new URL(name, this.#base), {
        signal: pace.signal,
        // What is kept is kept by its signature; an HTTP cache could only hold an older answer against us.
        cache: 'no-store',
        redirect: 'error',
      });
      if (MISSING.has(answer.status)) return null;
      rejectUnless(answer.status === 200, 'unreachable', `${name}: the store answered ${answer.status}`);
      return await bodyOf(answer, name, most, pace);
    } catch (error) {
      if (error instanceof UpdateRejectedError) throw error;
      throw pace.rejection ?? new UpdateRejectedError('unreachable', `${name}: ${textOf(error)}`, { cause: error });
    } finally {
      pace.end();
    }
  }
}

/**
 * @param {Response} answer
 * @param {string} name
 * @param {number} most
 * @param {Pace} pace
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
async function bodyOf(answer, name, most, pace) {
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const pieces = [];
  let length = 0;
  const reader = answer.body?.getReader();
  while (reader !== undefined) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    rejectUnless(length <= most, 'too long', `${name} is longer than ${most} bytes`);
    pace.received(length);
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

/** Watches over the pace of one file, and breaks its connection when it is too slow. */
class Pace {
  #name;
  #patience;
  #deadline;
  #began = performance.now();
  #stop = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #silence;
  /** @type {UpdateRejectedError | null} Why the connection was broken. */
  rejection = null;

  /**
   * @param {string} name The file's.
   * @param {Patience} patience
   * @param {number} deadline By `performance.now()`.
   */
  constructor(name, patience, deadline) {
    this.#name = name;
    this.#patience = patience;
    this.#deadline = deadline;
    this.#awaitMore();
  }

  /** Aborted when it is over. */
  get signal() {
    return this.#stop.signal;
  }

  /**
   * @param {number} bytes So many are here by now.
   * @throws {UpdateRejectedError} If they came too slowly.
   */
  received(bytes) {
    const { graceMs, leastBytesPerSecond } = this.#patience;
    const seconds = (performance.now() - this.#began) / 1_000;
    const isSlow = seconds > graceMs / 1_000 && bytes < seconds * leastBytesPerSecond;
    const rate = Math.round(bytes / seconds);
    rejectUnless(
      !isSlow,
      'slow',
      `${this.#name} comes with ${rate} bytes a second; ${leastBytesPerSecond} is the least`,
    );
    this.#awaitMore();
  }

  /** Stop watching, and close the connection if it is still open. */
  end() {
    clearTimeout(this.#silence);
    this.#stop.abort();
  }

  #awaitMore() {
    clearTimeout(this.#silence);
    const left = Math.max(0, this.#deadline - performance.now());
    const { silenceMs, deadlineMs } = this.#patience;
    const detail = left < silenceMs ? `was not here within ${deadlineMs} ms` : `did not come on for ${silenceMs} ms`;
    this.#silence = setTimeout(
      () => {
        this.rejection = new UpdateRejectedError('slow', `${this.#name} ${detail}`);
        this.#stop.abort(this.rejection);
      },
      Math.min(left, silenceMs),
    );
  }
}
