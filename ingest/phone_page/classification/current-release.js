/** Opens the release for this device: the store's, or the last good one if the store's is rejected. */

import { Classifier } from './classifier.js';
import { UpdateRejectedError, keepRelease, lastGoodRelease, pullRelease } from '../releases/release-client.js';

/** @typedef {import('../releases/release-client.js').Release} Release */

/**
 * @typedef {object} OpenedRelease
 * @property {Release} release
 * @property {Classifier} classifier
 * @property {UpdateRejectedError | null} rejected Why the store's release was rejected or could not be stored.
 */

/**
 * Open the store's release; if it is rejected, open the last good release.
 *
 * @param {Parameters<typeof pullRelease>[0]} options
 * @returns {Promise<OpenedRelease>}
 * @throws {UpdateRejectedError} If the store's release is rejected and no release is stored.
 */
export async function openCurrentRelease(options) {
  let rejected;
  try {
    return await openRelease(await pullRelease(options), options.storage);
  } catch (error) {
    if (!(error instanceof UpdateRejectedError)) throw error;
    rejected = error;
  }
  const release = await lastGoodRelease(options.storage, options.device);
  if (release === null) throw rejected;
  return { release, classifier: await Classifier.open(release), rejected };
}

/**
 * Open and store a pulled release. If it cannot be stored, for example because the disk is full, it is used anyway.
 *
 * @param {Release} release
 * @param {Parameters<typeof keepRelease>[0]} storage
 * @returns {Promise<OpenedRelease>}
 * @throws {UpdateRejectedError} If the release fails the check with its golden window.
 */
export async function openRelease(release, storage) {
  const classifier = await Classifier.open(release);
  try {
    await keepRelease(storage, release);
  } catch (error) {
    if (!(error instanceof UpdateRejectedError)) {
      await classifier.close();
      throw error;
    }
    return { release, classifier, rejected: error };
  }
  return { release, classifier, rejected: null };
}
