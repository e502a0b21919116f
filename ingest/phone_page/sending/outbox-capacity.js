/** The capacity of the outbox for readings, in bytes. */

import { RECORD_BYTES } from './outbox.js';

/** Bytes of a reading: an event time of 8 bytes and three float32 values. */
const READING_BYTES = 20;
/** Bytes of the header of a batch, for a device name of 12 characters. */
const HEADER_BYTES = 82;
const HOURS = 24;
/** Typical sample rate of phones' browsers, Hz. */
const TYPICAL_HZ = 60;
/** Share of the browser's quota for the outbox; the rest is for the page's files and releases. */
const SHARE = 0.7;

/**
 * @param {number} hertz Sample rate.
 * @param {number} batchMilliseconds Time span of a batch, ms.
 * @returns {number} Bytes per hour of readings.
 */
export function bytesPerHour(hertz, batchMilliseconds) {
  return 3600 * (hertz * READING_BYTES + (1000 / batchMilliseconds) * (HEADER_BYTES + RECORD_BYTES));
}

/**
 * @param {number} batchMilliseconds Time span of a batch, ms.
 * @returns {Promise<{limit: number, persistent: boolean}>} Bytes for a day of readings, or less if the browser's quota
 *   is smaller; whether the browser keeps them even if its disk is nearly full.
 */
export async function outboxCapacity(batchMilliseconds) {
  const day = HOURS * bytesPerHour(TYPICAL_HZ, batchMilliseconds);
  if (!navigator.storage?.estimate) return { limit: day, persistent: false };
  const { quota = Infinity } = await navigator.storage.estimate();
  const persistent = (await navigator.storage.persisted?.()) ?? false;
  return { limit: Math.min(day, SHARE * quota), persistent };
}

/** Request persistent storage. Browsers decide by how often the page is used; Firefox asks the wearer. */
export async function requestPersistence() {
  return (await navigator.storage?.persist?.()) ?? false;
}
