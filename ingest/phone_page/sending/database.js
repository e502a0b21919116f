/** The page's IndexedDB. */

import { openDB } from '../vendor/idb/index.js';

const NAME = 'har-phone';
const VERSION = 2;

/**
 * @typedef {import('idb').IDBPDatabase} Database Its stores:
 *   `samples` and `activities` (outboxes; key: device, order), `statements` (labels to send; key: order), `said` (the
 *   newest labels; key: session, start), `labelled` (labelled windows for a personal head; key: session, start),
 *   `values` (named values).
 */

/** @returns {Promise<Database>} */
export function openDatabase() {
  return openDB(NAME, VERSION, {
    upgrade(database, before) {
      if (before < 1) {
        database.createObjectStore('samples', { keyPath: ['device', 'order'] });
        database.createObjectStore('activities', { keyPath: ['device', 'order'] });
        database.createObjectStore('statements', { keyPath: 'order', autoIncrement: true });
        database.createObjectStore('said', { keyPath: ['session', 'start'] });
        database.createObjectStore('values');
      }
      if (before < 2) database.createObjectStore('labelled', { keyPath: ['session', 'start'] });
    },
  });
}

/** Values by name: settings, the account, TUF metadata. */
export class NamedValues {
  #database;

  /** @param {Database} database */
  constructor(database) {
    this.#database = database;
  }

  /** @param {string} name @returns {Promise<any>} Undefined if it is not set. */
  get(name) {
    return this.#database.get('values', name);
  }

  /** @param {string} name @param {any} value Undefined removes it. @returns {Promise<void>} */
  async set(name, value) {
    if (value === undefined) await this.#database.delete('values', name);
    else await this.#database.put('values', value, name);
  }
}
