/**
 * What the wearer says to be doing (har/labels.py), kept until the gateway has it, in the order in which it came.
 *
 * A label is known by its device, session and start. The same start again with an end stops it; an end that is the
 * start takes it back.
 */

import { BackOff } from './back-off.js';
import { GatewayRejected, post } from './gateway-answers.js';

/** What is remembered for the list; what waits is never forgotten. */
const MOST_REMEMBERED = 30;
/** Labels that may wait: more than anybody says in a week without a network. */
const MOST_WAITING = 5_000;

/**
 * @typedef {object} Said
 * @property {string} device
 * @property {string} session
 * @property {number} start µs of the session's event time.
 * @property {number | null} end null while it goes on; the start, if it was taken back.
 * @property {string} activity
 * @property {number} saidAt When it was last said, µs.
 * @property {number} [endedBy] The start of the label whose beginning ended this one.
 * @property {string} [rejected] Why the gateway does not take it.
 */

export class LabelJournal extends EventTarget {
  #database;
  #account;
  #url;
  #backOff = new BackOff();
  #now;
  #sending = false;
  #sendAgain = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;
  #saidAt = 0;
  /** @type {Said[]} The newest first. */
  said = [];
  /** @type {Map<number, number>} How many labels about the label with this start are not with the gateway. */
  #waiting = new Map();
  /** @type {Said | null} What goes on. */
  active = null;
  /** Why labels wait, for the wearer. */
  reason = '';

  /**
   * @param {import('./database.js').Database} database
   * @param {import('./device-account.js').DeviceAccount} account
   * @param {string} url
   * @param {() => number} now Event time, µs.
   */
  static async open(database, account, url, now) {
    const journal = new LabelJournal(database, account, url, now);
    const said = await database.getAll('said');
    journal.said = said.sort((one, other) => other.start - one.start);
    for (const { start } of await database.getAll('statements')) journal.#count(start, 1);
    addEventListener('online', () => journal.send());
    return journal;
  }

  /**
   * @param {import('./database.js').Database} database
   * @param {import('./device-account.js').DeviceAccount} account
   * @param {string} url
   * @param {() => number} now
   */
  constructor(database, account, url, now) {
    super();
    this.#now = now;
    this.#database = database;
    this.#account = account;
    this.#url = url;
  }

  /** How many labels are not with the gateway. */
  get waiting() {
    return [...this.#waiting.values()].reduce((sum, count) => sum + count, 0);
  }

  /** @param {Said} said @returns {boolean} Whether the gateway does not have all that was said of it. */
  waits({ start }) {
    return (this.#waiting.get(start) ?? 0) > 0;
  }

  /**
   * An activity begins; what went on before ends.
   *
   * @param {string} session
   * @param {string} activity
   * @param {number} now Event time, µs.
   */
  start(session, activity, now) {
    const start = Math.max(now, (this.said[0]?.session === session ? this.said[0].start : 0) + 1);
    /** @type {Said[]} */
    const changes = [];
    if (this.active) changes.push({ ...this.active, end: Math.max(start, this.active.start), endedBy: start });
    const { device } = this.#account;
    this.active = { device, session, start, end: null, activity, saidAt: 0 };
    return this.#say([...changes, this.active]);
  }

  /** What goes on ends. @param {number} now Event time, µs. */
  async stop(now) {
    if (!this.active) return;
    const ended = { ...this.active, end: Math.max(now, this.active.start) };
    this.active = null;
    await this.#say([ended]);
  }

  /** The newest label that counts. @returns {Said | undefined} */
  get undoable() {
    return this.said.find(({ start, end }) => end !== start);
  }

  /** Take back the newest label; what its beginning ended goes on again. @param {string} session The present one. */
  async undo(session) {
    const last = this.undoable;
    if (!last) return;
    /** @type {Said[]} */
    const changes = [{ ...last, end: last.start }];
    const goesOn = this.active === null || this.active.start === last.start;
    const before = this.said.find(({ endedBy, end, start }) => endedBy === last.start && end !== start);
    if (goesOn) this.active = null;
    if (before && goesOn && last.end === null) {
      const again = { ...before, end: null, endedBy: undefined };
      if (before.session === session) this.active = again;
      changes.push(again);
    }
    await this.#say(changes);
  }

  /** Send what waits, in order. */
  async send() {
    this.#sendAgain = true;
    if (this.#sending) return;
    this.#sending = true;
    clearTimeout(this.#retry);
    try {
      while (this.#sendAgain) {
        this.#sendAgain = false;
        while (await this.#sendOldest()) this.#backOff.reset();
      }
    } catch (error) {
      this.#later(/** @type {GatewayRejected} */ (error));
    } finally {
      this.#sending = false;
    }
  }

  /** @returns {Promise<boolean>} Whether there may be more. */
  async #sendOldest() {
    if (this.#account.turnedAway) return false;
    const waiting = await this.#database.getAll('statements', undefined, MOST_WAITING);
    // What was said under a former name is not sent under another.
    const oldest = waiting.find(({ device }) => device === this.#account.device);
    if (!oldest) return false;
    const { order, ...label } = oldest;
    const { token } = await this.#account.credentials();
    let rejected = '';
    try {
      await post(this.#url, label, token === '' ? {} : { Authorization: `Bearer ${token}` });
    } catch (error) {
      if (!(error instanceof GatewayRejected) || !error.isFinal) throw error;
      if (error.status === 401) {
        this.#account.expired(token);
        throw error;
      }
      if (error.turnsAway) {
        this.#account.turnAway(error.message);
        return false;
      }
      rejected = `${error.code}: ${error.message}`;
    }
    await this.#settle(order, label, rejected);
    return true;
  }

  /** @param {GatewayRejected} error */
  #later(error) {
    this.reason = error.message;
    if (!this.#account.turnedAway) {
      this.#retry = setTimeout(() => this.send(), this.#backOff.next(error.retryAfter ?? 0));
    }
    this.dispatchEvent(new Event('change'));
  }

  /** @param {number} order @param {any} sent @param {string} rejected */
  async #settle(order, sent, rejected) {
    const label = this.said.find(({ session, start }) => session === sent.session && start === sent.start);
    const transaction = this.#database.transaction(['statements', 'said'], 'readwrite');
    const changes = [transaction.objectStore('statements').delete(order), transaction.done];
    if (label && rejected) {
      label.rejected = rejected;
      changes.push(transaction.objectStore('said').put(label));
    }
    await Promise.all(changes);
    this.#count(sent.start, -1);
    this.reason = '';
    this.dispatchEvent(new Event('change'));
  }

  /** @param {Said[]} changes In the order in which they are said. */
  async #say(changes) {
    if (this.waiting >= MOST_WAITING) throw new Error(`${MOST_WAITING} labels wait for the gateway: no more are kept.`);
    const transaction = this.#database.transaction(['statements', 'said'], 'readwrite');
    const writes = [];
    for (const change of changes) {
      // Which of two counts is told by this time: it only increases.
      this.#saidAt = Math.max(this.#now(), this.#saidAt + 1);
      change.saidAt = this.#saidAt;
      this.#remember(change);
      this.#count(change.start, 1);
      const { device, session, start, end, activity } = change;
      const label = { device, session, start, end, activity, said_at: this.#saidAt };
      writes.push(transaction.objectStore('statements').add(label));
      writes.push(transaction.objectStore('said').put(change));
    }
    for (const old of this.said.splice(MOST_REMEMBERED)) {
      writes.push(transaction.objectStore('said').delete([old.session, old.start]));
    }
    this.dispatchEvent(new Event('change'));
    await Promise.all([...writes, transaction.done]);
    this.send();
  }

  /** @param {Said} change */
  #remember(change) {
    const others = this.said.filter(({ session, start }) => session !== change.session || start !== change.start);
    this.said = [change, ...others].sort((one, other) => other.start - one.start);
  }

  /** @param {number} start @param {number} by */
  #count(start, by) {
    const count = (this.#waiting.get(start) ?? 0) + by;
    if (count > 0) this.#waiting.set(start, count);
    else this.#waiting.delete(start);
  }
}
