/** What was recorded and could not be kept: counted, and written down with its times. */

const MOST_ENTRIES = 50;
/** Losses this close to each other are one, µs. */
const JOINED_US = 2_000_000;

/**
 * @typedef {object} Loss
 * @property {number} from Event time, µs.
 * @property {number} until
 * @property {number} seconds Of readings.
 * @property {string} reason
 */

export class LossLog {
  #values;
  /** @type {Loss[]} The newest last. */
  entries;
  /** Seconds of readings, since ever. */
  seconds;

  /** @param {import('./database.js').NamedValues} values */
  static async open(values) {
    return new LossLog(values, (await values.get('losses')) ?? { entries: [], seconds: 0 });
  }

  /** @param {import('./database.js').NamedValues} values @param {{entries: Loss[], seconds: number}} known */
  constructor(values, known) {
    this.#values = values;
    this.entries = known.entries;
    this.seconds = known.seconds;
  }

  /** @param {number} from @param {number} until µs. @param {number} count Readings. @param {string} reason */
  add(from, until, count, reason) {
    // n readings stand for n periods, between which lie n - 1.
    const seconds = count > 1 ? ((until - from) / 1e6) * (count / (count - 1)) : 0;
    const last = this.entries.at(-1);
    if (last && last.reason === reason && from - last.until >= 0 && from - last.until < JOINED_US) {
      last.until = until;
      last.seconds += seconds;
    } else {
      this.entries = [...this.entries, { from, until, seconds, reason }].slice(-MOST_ENTRIES);
    }
    this.seconds += seconds;
    console.warn(`${seconds.toFixed(1)} s of readings were not kept: ${reason}`);
    this.#values.set('losses', { entries: this.entries, seconds: this.seconds }).catch((error) => {
      // A full disk rejects this as well; what is shown stays right until the page is loaded again.
      console.error('the log of losses could not be stored', error);
    });
  }
}
