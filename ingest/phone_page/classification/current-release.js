/** The release that classifies on this device: the store's if it can be taken, else the one that was good last. */

import { Classifier } from './classifier.js';
import { UpdateRejectedError, keepRelease, lastGoodRelease, pullRelease } from '../releases/release-client.js';

/** @typedef {import('../releases/release-client.js').Release} Release */

/**
 * @typedef {object} Current
 * @property {Release} release
 * @property {Classifier} classifier
 * @property {UpdateRejectedError | null} rejected Why the store's release was not taken, or could not be kept.
 */

/**
 * Open what is to classify now.
 *
 * @param {Parameters<typeof pullRelease>[0]} options
 * @returns {Promise<Current>}
 * @throws {UpdateRejectedError} If the store's release is rejected and none was good before.
 */
export async function openCurrentRelease(options) {
  let rejected;
  try {
    return await openRelease(await pullRelease(options), options.storage);
  } catch (error) {
    if (!(error instanceof UpdateRejectedError)) throw error;
    rejected = error;
  }
  const release = await lastGoodRelease(options.storage);
  if (release === null) throw rejected;
  return { release, classifier: await Classifier.open(release), rejected };
}

/**
 * Open a release that was pulled, and keep it. One that cannot be kept runs all the same: a full disk is no reason to
 * classify with an older one.
 *
 * @param {Release} release
 * @param {Parameters<typeof keepRelease>[0]} storage
 * @returns {Promise<Current>}
 * @throws {UpdateRejectedError} If the release does not compute what it must.
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
