/** How much an outbox may hold, and what that means in hours. */

import { RECORD_BYTES } from './outbox.js';

/** A reading is an event time of 8 bytes and three float32. */
const READING_BYTES = 20;
/** The header of a batch, with a device's name of 12 letters. */
const HEADER_BYTES = 82;
const HOURS = 24;
/** What phones' browsers deliver, Hz. */
const USUAL_HZ = 60;
/** Of what the browser grants this page, the rest is for the page itself and for releases. */
const SHARE = 0.7;

/**
 * @param {number} hertz Readings a second.
 * @param {number} batchMilliseconds
 * @returns {number} Bytes that an hour of readings takes.
 */
export function bytesAnHour(hertz, batchMilliseconds) {
  return 3600 * (hertz * READING_BYTES + (1000 / batchMilliseconds) * (HEADER_BYTES + RECORD_BYTES));
}

/**
 * @param {number} batchMilliseconds
 * @returns {Promise<{limit: number, persistent: boolean}>} Bytes for readings: a day of them, or less where the browser
 *   grants less; and whether the browser has promised not to clear them when space gets short.
 */
export async function outboxRoom(batchMilliseconds) {
  const wanted = HOURS * bytesAnHour(USUAL_HZ, batchMilliseconds);
  if (!navigator.storage?.estimate) return { limit: wanted, persistent: false };
  const { quota = Infinity } = await navigator.storage.estimate();
  const persistent = (await navigator.storage.persisted?.()) ?? false;
  return { limit: Math.min(wanted, SHARE * quota), persistent };
}

/** Ask the browser to keep what is stored; browsers decide by how much the page is used, Firefox asks the wearer. */
export async function askToPersist() {
  return (await navigator.storage?.persist?.()) ?? false;
}
