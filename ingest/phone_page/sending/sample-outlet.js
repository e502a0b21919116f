/** Puts readings into the outbox, as numbered batches. */

import { encodeBatch, RejectedBatchError } from './sample-batch.js';

/** Batches that may wait for IndexedDB; more mean that it is stuck. */
const MAX_PENDING = 60;

/**
 * @typedef {'full' | 'storage' | 'invalid'} LossReason
 * @typedef {(from: number, until: number, count: number, reason: LossReason) => void} OnLost
 */

export class SampleOutlet {
  #outbox;
  #device;
  #onLost;
  #numbering = { session: '', sequence: 0, newest: 0 };
  #pending = 0;
  /** @type {Promise<void>} */
  #tail = Promise.resolve();

  /**
   * @param {import('./outbox.js').Outbox} outbox
   * @param {string} device
   * @param {OnLost} onLost Readings could not be stored.
   */
  constructor(outbox, device, onLost) {
    this.#outbox = outbox;
    this.#device = device;
    this.#onLost = onLost;
  }

  /**
   * Add the next readings of a session.
   *
   * @param {string} session
   * @param {import('../sensing/recorder.js').Columns} columns
   * @returns {Promise<void>} When they are stored or lost.
   */
  add(session, columns) {
    if (this.#pending >= MAX_PENDING) {
      this.#lose(columns, 'storage');
      return Promise.resolve();
    }
    this.#pending += 1;
    this.#tail = this.#tail
      .then(() => this.#write(session, columns))
      .finally(() => {
        this.#pending -= 1;
      });
    return this.#tail;
  }

  /** @param {string} session @param {import('../sensing/recorder.js').Columns} columns */
  async #write(session, columns) {
    if (this.#numbering.session !== session) this.#numbering = { session, sequence: 0, newest: 0 };
    const { sequence, newest } = this.#numbering;
    const from = columns.times[0];
    const until = /** @type {number} */ (columns.times.at(-1));
    // The times of a session increase strictly, so these three promises hold (docs/messages.md).
    const promises = { newestSent: newest, earlierUntil: newest, laterFrom: until + 1 };
    let isStored = false;
    try {
      // The encoder returns a view of a larger buffer; IndexedDB would store the whole buffer.
      const body = encodeBatch({ device: this.#device, session, sequence, ...promises, ...columns }).slice();
      isStored = await this.#outbox.add({ session, sequence, from, until, body });
      if (!isStored) this.#lose(columns, 'full');
    } catch (error) {
      console.error('could not store readings', error);
      this.#lose(columns, error instanceof RejectedBatchError ? 'invalid' : 'storage');
    }
    // A lost batch uses no number: the processor would wait for the missing one.
    if (isStored) this.#numbering = { session, sequence: sequence + 1, newest: until };
  }

  /** @param {import('../sensing/recorder.js').Columns} columns @param {LossReason} reason */
  #lose({ times }, reason) {
    this.#onLost(times[0], /** @type {number} */ (times.at(-1)), times.length, reason);
  }
}
