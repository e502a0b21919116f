/**
 * The activities that the wearer can choose from: the classes of the release that classifies this device, and words of
 * the wearer's own. The gateway lists them; the newest list is stored, so that it is there without a connection.
 */

import { get } from './gateway-answers.js';

/** Most own words that are offered; the gateway keeps no more of a device (ingest/gateway/label_choices.py). */
const MAX_OWN = 32;
/** Colour of words that the gateway has not seen yet. */
const NEW_COLOUR = '#8a8f98';
const STORED = 'labelActivities';

/** @typedef {import('../configuration.js').Activity} Activity */

export class LabelActivities extends EventTarget {
  #values;
  #account;
  #url;
  /** @type {Activity[]} */
  #classes;
  /** @type {Activity[]} The newest first. */
  #own = [];

  /**
   * @param {import('./database.js').NamedValues} values
   * @param {import('./device-account.js').DeviceAccount} account
   * @param {string} url URL of the gateway's `/v1/labels/activities`.
   * @param {Activity[]} usual The activities to offer until a release is known.
   */
  static async open(values, account, url, usual) {
    const opened = new LabelActivities(values, account, url, usual);
    const stored = await values.get(STORED);
    // The words of a former name of this device are those of another wearer.
    if (stored?.device === account.device) {
      opened.#classes = stored.classes;
      opened.#own = stored.own;
    }
    addEventListener('online', () => opened.refresh());
    return opened;
  }

  /**
   * @param {import('./database.js').NamedValues} values
   * @param {import('./device-account.js').DeviceAccount} account
   * @param {string} url
   * @param {Activity[]} usual
   */
  constructor(values, account, url, usual) {
    super();
    this.#values = values;
    this.#account = account;
    this.#url = url;
    this.#classes = usual;
  }

  /** @returns {Activity[]} The classes, then own words. */
  get offered() {
    const classes = new Set(this.#classes.map(({ name }) => name));
    return [...this.#classes, ...this.#own.filter(({ name }) => !classes.has(name))];
  }

  /** Read the gateway's list. Without an answer, the last one stays. */
  async refresh() {
    try {
      const { device, token } = await this.#account.credentials();
      const url = `${this.#url}?${new URLSearchParams({ device })}`;
      const { answer } = await get(url, token);
      // Without a release, the gateway lists the usual activities.
      if (answer.release !== null) this.#classes = answer.activities;
      await this.#setOwn(answer.own);
    } catch (error) {
      console.info('could not read the activities for labels; the last ones stay', error);
    }
  }

  /** Offer a word that the wearer used. @param {string} name */
  async add(name) {
    if (this.offered.some((other) => other.name === name)) return;
    await this.#setOwn([{ name, title: name, colour: NEW_COLOUR }, ...this.#own]);
  }

  /** Replace a word by the name that the gateway understood it as. @param {string} word @param {string} name */
  async rename(word, name) {
    await this.#setOwn(this.#own.filter((own) => own.name !== word));
    await this.add(name);
    await this.refresh();
  }

  /** @param {Activity[]} own */
  async #setOwn(own) {
    this.#own = own.slice(0, MAX_OWN);
    this.dispatchEvent(new Event('change'));
    const { device } = this.#account;
    await this.#values.set(STORED, { device, classes: this.#classes, own: this.#own });
  }
}
