/** Readings become numbered messages in the outbox. */

import { encodeBatch, RejectedBatchError } from './sample-batch.js';

/** Batches that may wait for IndexedDB; beyond that it is stuck. */
const MOST_PENDING = 60;

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
   * @param {OnLost} onLost Readings could not be kept.
   */
  constructor(outbox, device, onLost) {
    this.#outbox = outbox;
    this.#device = device;
    this.#onLost = onLost;
  }

  /**
   * Keep the next readings of a session.
   *
   * @param {string} session
   * @param {import('../sensing/recorder.js').Columns} columns
   * @returns {Promise<void>} When they are kept or lost.
   */
  keep(session, columns) {
    if (this.#pending >= MOST_PENDING) {
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
    // Times only increase, which is all that the three promises say (docs/messages.md).
    const promises = { newestSent: newest, earlierUntil: newest, laterFrom: until + 1 };
    let kept = false;
    try {
      // The encoder gives a view into a larger buffer, all of which IndexedDB would store.
      const body = encodeBatch({ device: this.#device, session, sequence, ...promises, ...columns }).slice();
      kept = await this.#outbox.add({ session, sequence, from, until, body });
      if (!kept) this.#lose(columns, 'full');
    } catch (error) {
      console.error('readings could not be stored', error);
      this.#lose(columns, error instanceof RejectedBatchError ? 'invalid' : 'storage');
    }
    // A batch that was not kept was never numbered: the gateway waits for nothing that does not come.
    if (kept) this.#numbering = { session, sequence: sequence + 1, newest: until };
  }

  /** @param {import('../sensing/recorder.js').Columns} columns @param {LossReason} reason */
  #lose({ times }, reason) {
    this.#onLost(times[0], /** @type {number} */ (times.at(-1)), times.length, reason);
  }
}
