/**
 * The wearer's labels (har/labels.py), stored until the gateway has accepted them, and sent in order.
 *
 * Device, session and start identify a label. Each change of a label is a message of its own: a message with an end
 * stops the label; an end equal to the start undoes it.
 */

import { BackOff } from '../shared/back-off.js';
import { GatewayRejected, post } from './gateway-answers.js';

/** Labels that are kept for the list on the page. Unsent messages are always kept. */
const MAX_LISTED = 30;
/** Unsent messages; a week without a connection needs fewer. */
const MAX_WAITING = 5_000;

/**
 * @typedef {object} Label
 * @property {string} device
 * @property {string} session
 * @property {number} start Event time, µs.
 * @property {number | null} end Event time, µs; null while the label is active; the start if it was undone.
 * @property {string} activity
 * @property {number} saidAt When it was last changed, µs.
 * @property {number} [endedBy] The start of the label that ended this one.
 * @property {string} [accepted] The activity that the gateway accepted last; none before it accepted one.
 * @property {string} [rejected] Why the gateway rejected its last change.
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
  /** When the newest change was stated, µs: also if the clock was put back since. */
  #saidAt = 0;
  /** @type {Label[]} The newest first. */
  recent = [];
  /** @type {Map<number, number>} Number of unsent messages, by the label's start. */
  #waiting = new Map();
  /** @type {Label | null} The label without an end. */
  active = null;
  /** Why messages could not be sent, as text for the wearer; empty without a fault. */
  reason = '';

  /**
   * @param {import('./database.js').Database} database
   * @param {import('./device-account.js').DeviceAccount} account
   * @param {string} url URL of the gateway's `/v1/labels`.
   * @param {() => number} now Event time, µs.
   */
  static async open(database, account, url, now) {
    const journal = new LabelJournal(database, account, url, now);
    const labels = await database.getAll('said');
    journal.recent = labels.sort((one, other) => other.start - one.start);
    journal.#saidAt = Math.max(0, ...labels.map(({ saidAt }) => saidAt));
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

  /** @param {{session: string, start: number}} label @returns {Label | undefined} The label as it is listed now. */
  listed(label) {
    return this.recent.find(({ session, start }) => session === label.session && start === label.start);
  }

  /** Number of unsent messages. */
  get waiting() {
    return [...this.#waiting.values()].reduce((sum, count) => sum + count, 0);
  }

  /** @param {Label} label @returns {boolean} Whether the label has unsent messages. */
  isWaiting({ start }) {
    return (this.#waiting.get(start) ?? 0) > 0;
  }

  /**
   * Start a label; end the active one.
   *
   * @param {string} session
   * @param {string} activity
   * @param {number} now Event time, µs.
   */
  start(session, activity, now) {
    const start = Math.max(now, (this.recent[0]?.session === session ? this.recent[0].start : 0) + 1);
    /** @type {Label[]} */
    const changes = [];
    if (this.active) changes.push({ ...this.active, end: Math.max(start, this.active.start), endedBy: start });
    const { device } = this.#account;
    this.active = { device, session, start, end: null, activity, saidAt: 0 };
    return this.#record([...changes, this.active]);
  }

  /** End the active label. @param {number} now Event time, µs. */
  async stop(now) {
    if (!this.active) return;
    const ended = { ...this.active, end: Math.max(now, this.active.start) };
    this.active = null;
    await this.#record([ended]);
  }

  /** The newest label that was not undone. @returns {Label | undefined} */
  get undoable() {
    return this.recent.find(({ start, end }) => end !== start);
  }

  /** Undo the newest label; the label that it ended continues. @param {string} session The current session. */
  async undo(session) {
    const last = this.undoable;
    if (!last) return;
    /** @type {Label[]} */
    const changes = [{ ...last, end: last.start }];
    const isNewest = this.active === null || this.active.start === last.start;
    const previous = this.recent.find(({ endedBy, end, start }) => endedBy === last.start && end !== start);
    if (isNewest) this.active = null;
    if (previous && isNewest && last.end === null) {
      const continued = { ...previous, end: null, endedBy: undefined };
      if (previous.session === session) this.active = continued;
      changes.push(continued);
    }
    await this.#record(changes);
  }

  /** Correct what the wearer did in a listed label's interval. @param {Label} label @param {string} activity */
  async correct(label, activity) {
    await this.#change({ ...label, activity });
  }

  /** Withdraw a listed label. @param {Label} label */
  async withdraw(label) {
    await this.#change({ ...label, end: label.start });
  }

  /** @param {Label} changed */
  async #change(changed) {
    const change = { ...changed, rejected: undefined };
    if (this.#isActive(change)) this.active = change.end === null ? change : null;
    await this.#record([change]);
  }

  /** Send the unsent messages, in order. */
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
      this.#retryLater(/** @type {GatewayRejected} */ (error));
    } finally {
      this.#sending = false;
    }
  }

  /** @returns {Promise<boolean>} Whether there may be more. */
  async #sendOldest() {
    if (this.#account.revokedReason) return false;
    const waiting = await this.#database.getAll('statements', undefined, MAX_WAITING);
    // Labels of former names are not sent under another name.
    const oldest = waiting.find(({ device }) => device === this.#account.device);
    if (!oldest) return false;
    const { order, ...label } = oldest;
    const { token } = await this.#account.credentials();
    let rejected = '';
    let understood = label.activity;
    try {
      const { answer } = await post(this.#url, label, token);
      understood = answer?.label?.activity ?? understood;
    } catch (error) {
      if (!(error instanceof GatewayRejected) || !error.isFinal) throw error;
      if (error.status === 401) {
        this.#account.reportExpired(token);
        throw error;
      }
      if (error.isRevocation) {
        this.#account.reportRevoked(error.message);
        return false;
      }
      rejected = `${error.code}: ${error.message}`;
    }
    await this.#settle(order, label, rejected, understood);
    return true;
  }

  /** @param {GatewayRejected} error */
  #retryLater(error) {
    this.reason = error.message;
    if (!this.#account.revokedReason) {
      this.#retry = setTimeout(() => this.send(), this.#backOff.next(error.retryAfter ?? 0));
    }
    this.dispatchEvent(new Event('change'));
  }

  /**
   * @param {number} order
   * @param {any} sent
   * @param {string} rejected
   * @param {string} understood The activity that the gateway understood.
   */
  async #settle(order, sent, rejected, understood) {
    const label = this.listed(sent);
    const transaction = this.#database.transaction(['statements', 'said'], 'readwrite');
    const changes = [transaction.objectStore('statements').delete(order), transaction.done];
    if (label && rejected) this.#reject(label, sent, rejected);
    else if (label) {
      label.accepted = understood;
      // A label that was corrected meanwhile has another activity.
      if (label.activity === sent.activity) label.activity = understood;
    }
    if (label) changes.push(transaction.objectStore('said').put(label));
    await Promise.all(changes);
    if (understood !== sent.activity) {
      this.dispatchEvent(new CustomEvent('understood', { detail: { word: sent.activity, name: understood } }));
    }
    this.#count(sent.start, -1);
    this.reason = '';
    this.dispatchEvent(new Event('change'));
  }

  /**
   * A rejected correction leaves the label as the gateway has it. A label that the gateway does not have is not active.
   *
   * @param {Label} label
   * @param {any} sent
   * @param {string} reason
   */
  #reject(label, sent, reason) {
    label.rejected = reason;
    const isLast = this.#waiting.get(sent.start) === 1;
    if (label.accepted !== undefined && label.activity === sent.activity) label.activity = label.accepted;
    if (label.accepted === undefined && isLast && this.#isActive(label)) this.active = null;
  }

  /** @param {Label} label */
  #isActive({ session, start }) {
    return this.active?.session === session && this.active.start === start;
  }

  /** Store changed labels, and send them. @param {Label[]} changes In order. */
  async #record(changes) {
    if (this.waiting >= MAX_WAITING) throw new Error(`${MAX_WAITING} labels are already waiting for the gateway.`);
    const transaction = this.#database.transaction(['statements', 'said'], 'readwrite');
    const writes = [];
    for (const change of changes) {
      // Of two messages about one label the later one counts, so this time must increase.
      this.#saidAt = Math.max(this.#now(), this.#saidAt + 1);
      change.saidAt = this.#saidAt;
      this.#list(change);
      this.#count(change.start, 1);
      const { device, session, start, end, activity } = change;
      const label = { device, session, start, end, activity, said_at: this.#saidAt };
      writes.push(transaction.objectStore('statements').add(label));
      writes.push(transaction.objectStore('said').put(change));
    }
    for (const old of this.recent.splice(MAX_LISTED)) {
      writes.push(transaction.objectStore('said').delete([old.session, old.start]));
    }
    this.dispatchEvent(new Event('change'));
    await Promise.all([...writes, transaction.done]);
    this.send();
  }

  /** @param {Label} change */
  #list(change) {
    const others = this.recent.filter(({ session, start }) => session !== change.session || start !== change.start);
    this.recent = [change, ...others].sort((one, other) => other.start - one.start);
  }

  /** @param {number} start @param {number} by */
  #count(start, by) {
    const count = (this.#waiting.get(start) ?? 0) + by;
    if (count > 0) this.#waiting.set(start, count);
    else this.#waiting.delete(start);
  }
}
