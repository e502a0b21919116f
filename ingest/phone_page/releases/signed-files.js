/** Files whose length and digest are in signed metadata. */

import { isObject, isVersion, sha256 } from './metadata-signatures.js';
import { rejectUnless } from './update-rejection.js';

/** @typedef {import('./bounded-fetch.js').BoundedFetcher} BoundedFetcher */

const SHA256 = /^[0-9a-f]{64}$/;

/**
 * @typedef {object} SignedFile
 * @property {number} length In bytes.
 * @property {string} sha256 Hexadecimal.
 *
 * @typedef {SignedFile & {version: number}} SignedMetadata
 */

/**
 * @param {any} listed An entry of the timestamp's or snapshot's `meta`.
 * @param {string} what Its name in errors.
 * @returns {SignedMetadata}
 */
export function signedMetadata(listed, what) {
  rejectUnless(isObject(listed) && isVersion(listed.version), 'contradictory', `${what} has no version`);
  return { version: listed.version, ...signedFile(listed, what) };
}

/**
 * @param {any} listed An entry with a length and hashes.
 * @param {string} what Its name in errors.
 * @returns {SignedFile}
 */
export function signedFile(listed, what) {
  const digest = listed?.hashes?.sha256;
  const isFile = Number.isSafeInteger(listed?.length) && listed.length >= 0 && typeof digest === 'string';
  rejectUnless(isFile && SHA256.test(digest), 'contradictory', `${what} has no length or no SHA-256`);
  return { length: listed.length, sha256: digest };
}

/**
 * Fetch a file and compare it with its signed length and digest.
 *
 * @param {BoundedFetcher} fetcher
 * @param {string} name The file's name in the store.
 * @param {SignedFile} signed
 * @param {number} limit Maximal length in bytes, also if a larger one is signed.
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 * @throws {UpdateRejectedError} If the file cannot be fetched or differs.
 */
export async function fetchSigned(fetcher, name, signed, limit) {
  rejectUnless(signed.length <= limit, 'too long', `${name} has ${signed.length} bytes; the limit is ${limit}`);
  const bytes = await fetcher.fetch(name, signed.length);
  const isSame = bytes.length === signed.length && (await sha256(bytes)) === signed.sha256;
  const detail = `${name} differs from the signed file (${signed.length} bytes, sha256 ${signed.sha256})`;
  rejectUnless(isSame, 'changed', detail);
  return bytes;
}

/** @param {string} path @param {SignedFile} target @returns {string} The target's file in the store (5.7.3). */
export function targetName(path, { sha256: digest }) {
  const slash = path.lastIndexOf('/');
  return `targets/${path.slice(0, slash)}/${digest}.${path.slice(slash + 1)}`;
}
