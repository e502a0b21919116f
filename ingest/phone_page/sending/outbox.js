/**
 * Messages that the gateway has not confirmed, in IndexedDB, in the order in which they were made.
 *
 * A message is written here before it is sent and removed when it was answered, so that a reload, a crash of the
 * browser or days without a network lose nothing. The outbox has a limit: what was recorded first is never given up
 * for something newer. (Transactions are `relaxed`: a sudden loss of power may cost the last seconds, and the battery
 * is not spent on flushing the disk twice a second.)
 *
 * Messages of a device's former name stay in the outbox and are not sent under another name.
 */

/**
 * What IndexedDB is taken to need for a message besides its body. Measured in Chromium, over 20,000 batches of 30
 * readings: 29 bytes, once the database has compacted its files; until then, more.
 */
export const RECORD_BYTES = 60;

/**
 * @typedef {object} Message
 * @property {string} session
 * @property {number} sequence
 * @property {number} from Event time of its first reading or window, µs.
 * @property {number} until Event time of its last, µs.
 * @property {Uint8Array | string} body As it is sent.
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
  /** @type {Record<string, Tally>} What lies here, by device. */
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

  /** How many messages of this device wait. */
  get count() {
    return this.#tallies[this.#device].count;
  }

  /** Bytes of all devices' messages. */
  get bytes() {
    return Object.values(this.#tallies).reduce((sum, tally) => sum + tally.bytes, 0);
  }

  get limit() {
    return this.#limit;
  }

  /** @returns {Map<string, number>} How many messages wait under this device's former names. */
  foreign() {
    const others = Object.entries(this.#tallies).filter(([device, { count }]) => device !== this.#device && count > 0);
    return new Map(others.map(([device, { count }]) => [device, count]));
  }

  /**
   * @param {Message} message
   * @returns {Promise<boolean>} Whether it was kept; not, if there is no room.
   * @throws {DOMException} If IndexedDB fails in another way.
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
   * @param {number} after The order of the last message that is known; -1 for none.
   * @param {number} count
   * @returns {Promise<StoredMessage[]>} The oldest that follow, at most `count`.
   */
  next(after, count) {
    const range = IDBKeyRange.bound([this.#device, after], [this.#device, Infinity], true);
    return this.#database.getAll(this.#store, range, count);
  }

  /** @returns {Promise<StoredMessage | undefined>} What waits longest. */
  async oldest() {
    return (await this.next(-1, 1))[0];
  }

  /** @param {{order: number, bytes: number}} message One that was answered. */
  async remove({ order, bytes }) {
    const tally = this.#tallies[this.#device];
    tally.count -= 1;
    tally.bytes -= bytes;
    await this.#change((store) => store.delete([this.#device, order]));
  }

  /** Delete the messages of former names. */
  async clearForeign() {
    for (const device of this.foreign().keys()) {
      this.#tallies[device] = { count: 0, bytes: 0 };
      await this.#change((store) => store.delete(rangeOf(device)));
    }
  }

  /**
   * Change messages and what is known of them in one transaction.
   *
   * @param {(store: any) => Promise<unknown>} change
   */
  async #change(change) {
    const transaction = this.#database.transaction([this.#store, 'values'], 'readwrite', { durability: 'relaxed' });
    const requests = [
      change(transaction.objectStore(this.#store)),
      transaction.objectStore('values').put(structuredClone(this.#tallies), `tally:${this.#store}`),
    ];
    // It shall not depend on this page's being there when the requests were answered.
    transaction.commit();
    // Requests of a transaction that is aborted fail as well: all are waited for.
    await Promise.all([...requests, transaction.done]);
  }
}

/** @param {string} device @returns {IDBKeyRange} */
function rangeOf(device) {
  return IDBKeyRange.bound([device, 0], [device, Infinity]);
}
