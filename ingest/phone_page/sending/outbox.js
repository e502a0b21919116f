/**
 * Messages that the gateway has not confirmed, in IndexedDB, in order of creation.
 *
 * A message is stored before it is sent, and removed when the gateway has answered it. A reload, a crash of the
 * browser or days without a connection therefore lose nothing. If the outbox is full, it accepts no new messages and
 * keeps the older ones. Transactions are `relaxed`, which saves battery: a sudden loss of power may cost the last
 * seconds.
 *
 * Messages of the device's former names stay in the outbox; they are not sent under another name.
 */

/**
 * Allowance for a message's overhead in IndexedDB, bytes. Measured in Chromium over 20,000 batches of 30 readings:
 * 29 bytes after compaction, more before.
 */
export const RECORD_BYTES = 60;

/**
 * @typedef {object} Message
 * @property {string} session
 * @property {number} sequence
 * @property {number} from Event time of its first reading or window, µs.
 * @property {number} until Event time of its last one, µs.
 * @property {Uint8Array | string} body The encoded message.
 *
 * @typedef {Message & {device: string, order: number, bytes: number}} StoredMessage
 * @typedef {{count: number, bytes: number}} Tally
 */

export class Outbox extends EventTarget {
  #database;
  #store;
  #device;
  #limit;
  #order;
  /** @type {Record<string, Tally>} Number and size of the messages, by device. */
  #tallies;

  /**
   * @param {import('./database.js').Database} database
   * @param {'samples' | 'activities'} store
   * @param {string} device
   * @param {number} limit Bytes.
   */
  static async open(database, store, device, limit) {
    const tallies = (await database.get('values', `tally:${store}`)) ?? {};
    const last = await database.transaction(store).store.openKeyCursor(rangeOf(device), 'prev');
    const order = last === null ? 0 : /** @type {[string, number]} */ (last.primaryKey)[1] + 1;
    return new Outbox(database, store, device, limit, tallies, order);
  }

  /**
   * @param {import('./database.js').Database} database
   * @param {'samples' | 'activities'} store
   * @param {string} device
   * @param {number} limit
   * @param {Record<string, Tally>} tallies
   * @param {number} order
   */
  constructor(database, store, device, limit, tallies, order) {
    super();
    this.#database = database;
    this.#store = store;
    this.#device = device;
    this.#limit = limit;
    this.#tallies = { ...tallies, [device]: tallies[device] ?? { count: 0, bytes: 0 } };
    this.#order = order;
  }

  /** Number of this device's messages. */
  get count() {
    return this.#tallies[this.#device].count;
  }

  /** Size of all messages, also of former names, bytes. */
  get bytes() {
    return Object.values(this.#tallies).reduce((sum, tally) => sum + tally.bytes, 0);
  }

  get limit() {
    return this.#limit;
  }

  /** @returns {Map<string, number>} Number of messages, by former name of this device. */
  countsByFormerName() {
    const others = Object.entries(this.#tallies).filter(([device, { count }]) => device !== this.#device && count > 0);
    return new Map(others.map(([device, { count }]) => [device, count]));
  }

  /**
   * @param {Message} message
   * @returns {Promise<boolean>} Whether it was stored; false if the outbox or the disk is full.
   * @throws {DOMException} If IndexedDB fails for another reason.
   */
  async add(message) {
    const length = typeof message.body === 'string' ? message.body.length : message.body.byteLength;
    const bytes = length + RECORD_BYTES;
    if (this.bytes + bytes > this.#limit) return false;
    const tally = this.#tallies[this.#device];
    tally.count += 1;
    tally.bytes += bytes;
    const record = { ...message, device: this.#device, order: this.#order, bytes };
    this.#order += 1;
    try {
      await this.#change((store) => store.add(record));
    } catch (error) {
      tally.count -= 1;
      tally.bytes -= bytes;
      if (error instanceof DOMException && error.name === 'QuotaExceededError') return false;
      throw error;
    }
    this.dispatchEvent(new Event('added'));
    return true;
  }

  /**
   * @param {number} after Return messages with a larger `order`; -1 for all.
   * @param {number} count
   * @returns {Promise<StoredMessage[]>} The oldest of these messages, at most `count`.
   */
  next(after, count) {
    const range = IDBKeyRange.bound([this.#device, after], [this.#device, Infinity], true);
    return this.#database.getAll(this.#store, range, count);
  }

  /** @returns {Promise<StoredMessage | undefined>} The oldest message. */
  async oldest() {
    return (await this.next(-1, 1))[0];
  }

  /** @param {{order: number, bytes: number}} message An answered message. */
  async remove({ order, bytes }) {
    const tally = this.#tallies[this.#device];
    tally.count -= 1;
    tally.bytes -= bytes;
    await this.#change((store) => store.delete([this.#device, order]));
  }

  /** Delete the messages of former names. */
  async deleteOfFormerNames() {
    for (const device of this.countsByFormerName().keys()) {
      this.#tallies[device] = { count: 0, bytes: 0 };
      await this.#change((store) => store.delete(rangeOf(device)));
    }
  }

  /**
   * Change messages and tallies in one transaction.
   *
   * @param {(store: any) => Promise<unknown>} change
   */
  async #change(change) {
    const transaction = this.#database.transaction([this.#store, 'values'], 'readwrite', { durability: 'relaxed' });
    const requests = [
      change(transaction.objectStore(this.#store)),
      transaction.objectStore('values').put(structuredClone(this.#tallies), `tally:${this.#store}`),
    ];
    // Commit explicitly, so that the page may be closed before the requests have finished.
    transaction.commit();
    // If the transaction aborts, its requests fail, too: wait for all.
    await Promise.all([...requests, transaction.done]);
  }
}

/** @param {string} device @returns {IDBKeyRange} */
function rangeOf(device) {
  return IDBKeyRange.bound([device, 0], [device, Infinity]);
}
