/** The release that classifies on this device: the store's if it can be taken, else the one that was good last. */

import { Classifier } from './classifier.js';
import { UpdateRefusedError, keepRelease, lastGoodRelease, pullRelease } from '../releases/release-client.js';

/** @typedef {import('../releases/release-client.js').Release} Release */

/**
 * @typedef {object} Current
 * @property {Release} release
 * @property {Classifier} classifier
 * @property {UpdateRefusedError | null} refused Why the store's release was not taken, or could not be kept.
 */

/**
 * Open what is to classify now.
 *
 * @param {Parameters<typeof pullRelease>[0]} options
 * @returns {Promise<Current>}
 * @throws {UpdateRefusedError} If the store's release is refused and none was good before.
 */
export async function openCurrentRelease(options) {
  let refused;
  try {
    return await openRelease(await pullRelease(options), options.storage);
  } catch (error) {
    if (!(error instanceof UpdateRefusedError)) throw error;
    refused = error;
  }
  const release = await lastGoodRelease(options.storage);
  if (release === null) throw refused;
  return { release, classifier: await Classifier.open(release), refused };
}

/**
 * Open a release that was pulled, and keep it. One that cannot be kept runs all the same: a full disk is no reason to
 * classify with an older one.
 *
 * @param {Release} release
 * @param {Parameters<typeof keepRelease>[0]} storage
 * @returns {Promise<Current>}
 * @throws {UpdateRefusedError} If the release does not compute what it must.
 */
export async function openRelease(release, storage) {
  const classifier = await Classifier.open(release);
  try {
    await keepRelease(storage, release);
  } catch (error) {
    if (!(error instanceof UpdateRefusedError)) {
      await classifier.close();
      throw error;
    }
    return { release, classifier, refused: error };
  }
  return { release, classifier, refused: null };
}
