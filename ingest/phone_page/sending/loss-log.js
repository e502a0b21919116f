/** Log of recorded readings that could not be stored. */

const MAX_ENTRIES = 50;
/** Losses with a shorter time between them are one entry, µs. */
const JOIN_US = 2_000_000;

/**
 * @typedef {object} Loss
 * @property {number} from Event time, µs.
 * @property {number} until Event time, µs.
 * @property {number} seconds Duration of the lost readings.
 * @property {string} reason
 */

export class LossLog {
  #values;
  /** @type {Loss[]} The newest last. */
  entries;
  /** Total duration of lost readings, s; it outlives the page. */
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

  /** @param {number} from µs. @param {number} until µs. @param {number} count Of readings. @param {string} reason */
  add(from, until, count, reason) {
    // n readings cover n periods, but only n - 1 lie between the first and the last.
    const seconds = count > 1 ? ((until - from) / 1e6) * (count / (count - 1)) : 0;
    const last = this.entries.at(-1);
    if (last && last.reason === reason && from - last.until >= 0 && from - last.until < JOIN_US) {
      last.until = until;
      last.seconds += seconds;
    } else {
      this.entries = [...this.entries, { from, until, seconds, reason }].slice(-MAX_ENTRIES);
    }
    this.seconds += seconds;
    console.warn(`lost ${seconds.toFixed(1)} s of readings: ${reason}`);
    this.#values.set('losses', { entries: this.entries, seconds: this.seconds }).catch((error) => {
      // A full disk may cause this. The shown log is right until the page is reloaded.
      console.error('could not store the log of losses', error);
    });
  }
}
