/** The metadata that a timestamp and a snapshot list, and checks of the listed versions. */

import { isObject } from './metadata-signatures.js';
import { signedMetadata } from './signed-files.js';
import { rejectUnless } from './update-rejection.js';

/** @typedef {import('./metadata-signatures.js').Metadata} Metadata */
/** @typedef {import('./signed-files.js').SignedMetadata} SignedMetadata */

/** @param {Metadata} timestamp @returns {SignedMetadata} */
export function snapshotOf({ signed }) {
  return signedMetadata(signed.meta?.['snapshot.json'], 'snapshot.json in the timestamp');
}

/** @param {Metadata} snapshot @returns {Record<string, SignedMetadata>} By file name. */
export function listedIn({ signed }) {
  rejectUnless(isObject(signed.meta), 'contradictory', 'the snapshot lists no metadata');
  return Object.fromEntries(
    Object.entries(signed.meta).map(([file, listed]) => [file, signedMetadata(listed, `${file} in the snapshot`)]),
  );
}

/**
 * Check that metadata has the version that is listed for it.
 *
 * @param {Metadata} metadata
 * @param {SignedMetadata} listed
 * @param {'timestamp' | 'snapshot'} lister The metadata that lists it.
 */
export function rejectOtherVersion({ role, version }, listed, lister) {
  const detail = `${role} has version ${version}, but the ${lister} lists version ${listed.version}`;
  rejectUnless(version === listed.version, 'rolled back', detail);
}

/** @param {string} what @param {number} found @param {number} known */
export function rejectOlder(what, found, known) {
  rejectUnless(found >= known, 'rolled back', `${what} ${found} is older than the known version ${known}`);
}

/** @param {Record<string, SignedMetadata>} found @param {Record<string, SignedMetadata>} known */
export function rejectOlderParts(found, known) {
  for (const [file, { version }] of Object.entries(known)) {
    rejectUnless(Object.hasOwn(found, file), 'contradictory', `the new snapshot does not list ${file}`);
    rejectOlder(file, found[file].version, version);
  }
}
