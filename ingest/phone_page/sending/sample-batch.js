/** Encoding of batches of readings: the same bytes as har/binary_samples.py. */

import { encode } from '../vendor/msgpack/index.mjs';

const SCHEMA = 1;
const UNITS = 'm/s^2';
const MAX_READINGS = 2_000;
const MAX_ACCELERATION = 200;
const MIN_TIME_US = 1_000_000_000_000_000;
const MAX_TIME_US = 4_102_444_800_000_000;
const MAX_SPAN_US = 60_000_000;
const MAX_DISORDER_US = 60_000_000;
const IDENTIFIER = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/**
 * @typedef {object} SampleBatch
 * @property {string} device
 * @property {string} session One uninterrupted numbering of batches.
 * @property {number} sequence From 0, without gaps.
 * @property {number} newestSent The newest event time of the earlier batches, µs; 0 in the first batch.
 * @property {number} earlierUntil No batch with a lower sequence has a reading after this, µs; 0 in the first batch.
 * @property {number} laterFrom No batch with a higher sequence has a reading before this, µs.
 * @property {ArrayLike<number>} times Event times, µs since the Unix epoch.
 * @property {ArrayLike<number>} x Acceleration, m/s², gravity included, Android's signs.
 * @property {ArrayLike<number>} y
 * @property {ArrayLike<number>} z
 */

/** A batch that the gateway would reject with this `code`. */
export class RejectedBatchError extends Error {
  name = 'RejectedBatchError';

  /**
   * @param {string} code As in har/samples.py.
   * @param {string} detail What is wrong and what was expected.
   */
  constructor(code, detail) {
    super(`${code}: ${detail}`);
    this.code = code;
    this.detail = detail;
  }
}

/**
 * Encode a batch as one MessagePack message for a binary frame.
 *
 * @param {SampleBatch} batch
 * @returns {Uint8Array}
 * @throws {RejectedBatchError} If the gateway would reject it.
 */
export function encodeBatch(batch) {
  checkHeader(batch);
  checkTimes(batch);
  checkValues(batch);
  const { device, session, sequence, newestSent, earlierUntil, laterFrom, times, x, y, z } = batch;
  // Integers beyond 32 bits become 64-bit integers in MessagePack.
  return encode([
    SCHEMA,
    device,
    session,
    sequence,
    newestSent,
    earlierUntil,
    laterFrom,
    UNITS,
    times.length,
    // Typed arrays are little-endian on all platforms of browsers, as the message must be.
    bytesOf(BigInt64Array.from(/** @type {number[]} */ (times), BigInt)),
    ...[x, y, z].map((axis) => bytesOf(Float32Array.from(axis))),
  ]);
}

/** @param {BigInt64Array | Float32Array} values @returns {Uint8Array} */
function bytesOf(values) {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** @param {SampleBatch} batch */
function checkHeader({ device, session, sequence, times, x, y, z }) {
  for (const [code, value] of [
    ['device', device],
    ['session', session],
  ]) {
    if (typeof value !== 'string' || !IDENTIFIER.test(value)) {
      throw new RejectedBatchError(code, `'${value}' is not 1 to 64 letters, digits, '.', '_' or '-'`);
    }
  }
  if (!Number.isSafeInteger(sequence) || sequence < 0) {
    throw new RejectedBatchError('sequence', `${sequence} is not between 0 and 2^53 - 1`);
  }
  if (times.length < 1) throw new RejectedBatchError('empty', 'the batch holds no reading');
  if (times.length > MAX_READINGS) {
    throw new RejectedBatchError('oversized', `${times.length} readings; the limit is ${MAX_READINGS}`);
  }
  if ([x, y, z].some((axis) => axis.length !== times.length)) {
    throw new RejectedBatchError('count', `${times.length} times, but ${x.length} x, ${y.length} y, ${z.length} z`);
  }
}

/** @param {SampleBatch} batch */
function checkTimes({ times, newestSent, earlierUntil, laterFrom }) {
  let oldest = Number.POSITIVE_INFINITY;
  let newest = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < times.length; at += 1) {
    if (!Number.isSafeInteger(times[at]) || times[at] < MIN_TIME_US || times[at] > MAX_TIME_US) {
      throw new RejectedBatchError('time', `${times[at]} is not whole microseconds since the epoch (2001 to 2100)`);
    }
    oldest = Math.min(oldest, times[at]);
    newest = Math.max(newest, times[at]);
  }
  if (newest - oldest > MAX_SPAN_US) {
    throw new RejectedBatchError('span', `readings are ${(newest - oldest) / 1e6} s apart; the limit is 60 s`);
  }
  const possible =
    [newestSent, earlierUntil, laterFrom].every((time) => Number.isSafeInteger(time) && time >= 0) &&
    newestSent <= MAX_TIME_US &&
    earlierUntil <= newest + MAX_DISORDER_US &&
    laterFrom >= oldest - MAX_DISORDER_US &&
    laterFrom <= newest + 1;
  if (!possible) {
    throw new RejectedBatchError(
      'promise',
      `readings from ${oldest} to ${newest} cannot promise: newest sent ${newestSent}, ` +
        `earlier until ${earlierUntil}, later from ${laterFrom}`,
    );
  }
}

/** @param {SampleBatch} batch */
function checkValues({ x, y, z }) {
  for (let at = 0; at < x.length; at += 1) {
    const [alongX, alongY, alongZ] = [Math.fround(x[at]), Math.fround(y[at]), Math.fround(z[at])];
    if (![alongX, alongY, alongZ].every(Number.isFinite)) {
      throw new RejectedBatchError('not_finite', `reading ${at} holds NaN or infinity: ${[x[at], y[at], z[at]]}`);
    }
    if (alongX ** 2 + alongY ** 2 + alongZ ** 2 > MAX_ACCELERATION ** 2) {
      const magnitude = Math.hypot(alongX, alongY, alongZ).toFixed(1);
      throw new RejectedBatchError('magnitude', `reading ${at} is ${magnitude} m/s²; the limit is 200 m/s²`);
    }
  }
}
