/** Files of which length and digest were signed, and fetching them. */

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
 * @param {any} listed As metadata lists other metadata.
 * @param {string} what What to call it.
 * @returns {SignedMetadata}
 */
export function signedMetadata(listed, what) {
  rejectUnless(isObject(listed) && isVersion(listed.version), 'contradictory', `${what} has no version`);
  return { version: listed.version, ...signedFile(listed, what) };
}

/**
 * @param {any} listed As metadata lists a file.
 * @param {string} what What to call it.
 * @returns {SignedFile}
 */
export function signedFile(listed, what) {
  const digest = listed?.hashes?.sha256;
  const isFile = Number.isSafeInteger(listed?.length) && listed.length >= 0 && typeof digest === 'string';
  rejectUnless(isFile && SHA256.test(digest), 'contradictory', `${what} has no length or no SHA-256`);
  return { length: listed.length, sha256: digest };
}

/**
 * Fetch a file of which length and digest were signed.
 *
 * @param {BoundedFetcher} fetcher
 * @param {string} name The file's, in the store.
 * @param {SignedFile} wanted
 * @param {number} most Bytes that it may have, whatever was signed.
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 * @throws {UpdateRejectedError} If it does not come, or is another.
 */
export async function fetchSigned(fetcher, name, wanted, most) {
  rejectUnless(wanted.length <= most, 'too long', `${name} has ${wanted.length} bytes; ${most} at most`);
  const bytes = await fetcher.fetch(name, wanted.length);
  const isSame = bytes.length === wanted.length && (await sha256(bytes)) === wanted.sha256;
  rejectUnless(isSame, 'changed', `${name} is not what was signed: ${wanted.length} bytes, sha256 ${wanted.sha256}`);
  return bytes;
}
