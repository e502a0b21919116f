/**
 * Pulls the personal head that the store has signed for this device (model_store/client/head_client.py), and keeps the
 * last good one for use without the store.
 */

import { parseJson } from './canonical-json.js';
import { isObject, isVersion, sha256 } from './metadata-signatures.js';
import { checkedHead, fitsRelease } from './personal-head-document.js';
import { fetchSigned, targetName } from './signed-files.js';
import { UpdateRejectedError, rejectUnless, textOf } from './update-rejection.js';

const SCHEMA = 1;
const INDEX = 'channels/personal.json';
const MAX_INDEX_BYTES = 1_048_576;
const MAX_HEAD_BYTES = 65_536;
const ID_DIGITS = 32;
/** The name of the last good head in the storage. */
const GOOD = 'store/personal';

/**
 * @typedef {import('./personal-head-document.js').PersonalHead} PersonalHead
 * @typedef {import('./release-documents.js').Manifest} Manifest
 * @typedef {{id: string, number: number, release: string, effective: number}} HeadEntry
 *
 * @typedef {object} KeptHead One value, so that it is written atomically.
 * @property {number} number Of the newest known index.
 * @property {string} index SHA-256 of that index, hexadecimal.
 * @property {HeadEntry[]} entries Those of this device in it.
 * @property {string} device
 * @property {string} digest SHA-256 of the head's file; empty without a head.
 * @property {PersonalHead | null} head
 *
 * @typedef {object} Pull
 * @property {import('./tuf-client.js').TufClient} metadata Refreshed.
 * @property {import('./bounded-fetch.js').BoundedFetcher} fetcher
 * @property {import('./tuf-client.js').Storage} storage
 * @property {string} device
 * @property {Manifest} manifest Of the release that the head must be for.
 */

/**
 * @param {Pull} pull
 * @returns {Promise<{head: PersonalHead | null, rejected: UpdateRejectedError | null}>} The store's newest head for the
 *   device and the release; if it is rejected, the last good one, and why.
 */
export async function pullDeviceHead(pull) {
  const { storage, device, manifest } = pull;
  const kept = await keptHead(storage);
  try {
    const found = await pulled(pull, kept);
    if (found !== null && found !== kept) await storage.set(GOOD, found);
    return { head: usable(found, device, manifest), rejected: null };
  } catch (error) {
    if (!(error instanceof UpdateRejectedError)) throw error;
    return { head: usable(kept, device, manifest), rejected: error };
  }
}

/**
 * @param {import('./tuf-client.js').Storage} storage
 * @param {string} device
 * @param {Manifest} manifest
 * @returns {Promise<PersonalHead | null>} The last good head, if it is this device's for this release.
 */
export async function lastGoodHead(storage, device, manifest) {
  return usable(await keptHead(storage), device, manifest);
}

/** Forget the head and the number of the index, after the store was created anew. @param {import('./tuf-client.js').Storage} storage */
export async function forgetDeviceHead(storage) {
  await storage.set(GOOD, null);
}

/** @param {Pull} pull @param {KeptHead | null} kept @returns {Promise<KeptHead | null>} Null if the store never had an index. */
async function pulled({ metadata, fetcher, device, manifest }, kept) {
  const target = await metadata.target(INDEX);
  if (target === null) {
    rejectUnless(kept === null, 'rolled back', 'the store no longer has the index of personal heads');
    return null;
  }
  const isKnown = kept !== null && kept.index === target.sha256 && kept.device === device;
  const id = (await sha256(new TextEncoder().encode(device))).slice(0, ID_DIGITS);
  const index = isKnown ? kept : readIndex(await fetchSigned(fetcher, targetName(INDEX, target), target, MAX_INDEX_BYTES), id);
  const least = kept?.number ?? 0;
  const detail = `change ${index.number} of the personal heads is older than the known change ${least}`;
  rejectUnless(index.number >= least, 'rolled back', detail);
  const ofRelease = index.entries.filter(({ release }) => release === manifest.release);
  const none = { number: index.number, index: target.sha256, entries: index.entries, device, digest: '', head: null };
  const entry = ofRelease.at(-1); // they are in order of their numbers
  if (entry === undefined) return isKnown && kept.head === null ? kept : none;
  const path = `channels/personal-${id}-${entry.number}.json`;
  const file = await metadata.target(path);
  rejectUnless(file !== null, 'contradictory', `the store has not signed ${path}`);
  if (kept?.device === device && kept.digest === file.sha256) return isKnown ? kept : { ...none, digest: kept.digest, head: kept.head };
  const head = readHead(await fetchSigned(fetcher, targetName(path, file), file, MAX_HEAD_BYTES), path);
  const isListed = head.device === device && head.number === entry.number && head.release === entry.release;
  rejectUnless(isListed && head.effective === entry.effective, 'contradictory', `${path} is not the head that the index lists`);
  rejectUnless(fitsRelease(head, manifest), 'contradictory', `${path} corrects other outputs than those of ${manifest.release}`);
  return { ...none, digest: file.sha256, head };
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {string} id Of the device.
 * @returns {{number: number, entries: HeadEntry[]}} Its number, and the device's entries.
 */
function readIndex(bytes, id) {
  const index = parsed(bytes, 'index of personal heads');
  const { schema, number, heads } = index;
  rejectUnless(schema === SCHEMA, 'unusable', `the index of personal heads has schema ${schema}; this page reads ${SCHEMA}`);
  const isList = isVersion(number) && Array.isArray(heads) && heads.every(isEntry);
  rejectUnless(isList, 'unusable', 'not an index of personal heads');
  const entries = heads.filter((/** @type {HeadEntry} */ entry) => entry.id === id);
  return { number, entries };
}

/** @param {any} entry @returns {boolean} */
function isEntry(entry) {
  return isObject(entry) && typeof entry.id === 'string' && isVersion(entry.number) && typeof entry.release === 'string';
}

/** @param {Uint8Array<ArrayBuffer>} bytes @param {string} path @returns {PersonalHead} */
function readHead(bytes, path) {
  try {
    return checkedHead(parsed(bytes, 'personal head'));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UpdateRejectedError('unusable', `${path}: ${textOf(error)}`, { cause: error });
  }
}

/** @param {Uint8Array<ArrayBuffer>} bytes @param {string} what @returns {any} */
function parsed(bytes, what) {
  try {
    return parseJson(bytes);
  } catch (error) {
    throw new UpdateRejectedError('unusable', `not a ${what}: ${textOf(error)}`, { cause: error });
  }
}

/** @param {KeptHead | null} kept @param {string} device @param {Manifest} manifest @returns {PersonalHead | null} */
function usable(kept, device, manifest) {
  const head = kept?.head ?? null;
  return head !== null && head.device === device && fitsRelease(head, manifest) ? head : null;
}

/** @param {import('./tuf-client.js').Storage} storage @returns {Promise<KeptHead | null>} */
async function keptHead(storage) {
  return (await storage.get(GOOD)) ?? null;
}
