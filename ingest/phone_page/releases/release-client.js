/**
 * Pulling the release that is for this device from a store, verified before anything parses it; and keeping the one
 * that was good last, which runs on whatever happens to the store.
 *
 * What this protects from: whoever stands between the store and the page, or serves the store's files, can keep news
 * back for as long as a signature counts, but cannot have the page take a release that was not signed, an older one
 * than it saw, or other bytes. (Who has got hold of the online keys can sign a release until they are replaced.)
 *
 * What it cannot protect from, in a browser:
 * - The page's own code comes from the gateway, over HTTPS, each time that it is loaded. Whoever can change it there
 *   can have it verify nothing. A native client, whose code comes another way, is the answer to that.
 * - The first root comes from the gateway too (`trusted_root.json`), the first time; from then on the one that is kept
 *   counts, and another one that is served later does not. A browser that clears the site's data begins anew.
 * - The clock is the device's. A clock that is set back lets expired metadata count on, though never older than what
 *   was seen; one that is set ahead rejects everything as expired.
 * - What is kept lies in the browser's storage, without protection from whoever can write there (other pages of the
 *   same origin, extensions, the device's owner). The last good release is kept with its digests, which find damage,
 *   not malice.
 * - Tokens are not its matter: the store's files come from the page's origin, with a cookie where one is asked for.
 */

import { BoundedFetcher } from './bounded-fetch.js';
import { CHANNELS, channelOf } from '../classification/channels.js';
import { sha256 } from './metadata-signatures.js';
import {
  MAX_MANIFEST_BYTES,
  MAX_POINTER_BYTES,
  artifactOf,
  readGolden,
  readManifest,
  readPointer,
} from './release-documents.js';
import { fetchSigned } from './signed-files.js';
import { StoreMetadata, keptAs } from './tuf-client.js';
import { UpdateRejectedError, rejectUnless, textOf } from './update-rejection.js';

export { UpdateRejectedError };

/** @typedef {import('./bounded-fetch.js').Patience} Patience */
/** @typedef {import('./release-documents.js').GoldenWindow} GoldenWindow */
/** @typedef {import('./release-documents.js').Manifest} Manifest */
/** @typedef {import('./release-documents.js').Pointer} Pointer */
/** @typedef {import('./signed-files.js').SignedFile} SignedFile */
/** @typedef {import('./tuf-client.js').Storage} Storage */

const FORMAT = 'onnx';
const MANIFEST = 'manifest.json';
const MAX_ARTIFACT_BYTES = 64 * 1024 * 1024;
const GOOD = 'store/good';

/**
 * @typedef {{stable?: Pointer, canary?: Pointer}} Pointers
 *
 * @typedef {object} ReleaseFiles
 * @property {Uint8Array<ArrayBuffer>} manifest
 * @property {Uint8Array<ArrayBuffer>} golden
 * @property {Uint8Array<ArrayBuffer>} onnx
 *
 * @typedef {object} Release A release that was verified; it is to be loaded and checked before it is used.
 * @property {string} name
 * @property {Pointer['channel']} channel Which channel it is from.
 * @property {Manifest} manifest
 * @property {Uint8Array<ArrayBuffer>} onnx The network.
 * @property {GoldenWindow} golden
 * @property {ReleaseFiles} files As they came.
 * @property {Pointers} pointers What the channels pointed to.
 *
 * @typedef {object} KeptRelease How a release is kept: one value, so that it is there as a whole or not at all.
 * @property {Pointer['channel']} channel
 * @property {{stable?: number, canary?: number}} numbers The newest change that is known of each channel.
 * @property {ReleaseFiles} files
 * @property {{manifest: string, golden: string, onnx: string}} digests
 */

/**
 * Fetch and verify the release that is for a device. What is kept is not changed, but for the metadata that no older
 * one is taken after: the release is kept once it is known to be good, see `keepRelease`.
 *
 * @param {object} options
 * @param {string} options.baseUrl Where the store is, such as `./store/`.
 * @param {string} options.device The device's name.
 * @param {Storage} options.storage Used by one pull at a time.
 * @param {number} [options.now] ms since the epoch.
 * @param {Patience} [options.patience]
 * @returns {Promise<Release>}
 * @throws {UpdateRejectedError} With the reason, if something did not come or must not be used.
 */
export async function pullRelease({ baseUrl, device, storage, now = Date.now(), patience }) {
  const guarded = guardedStorage(storage);
  const fetcher = new BoundedFetcher(baseUrl, patience);
  const metadata = new StoreMetadata(fetcher, guarded, now);
  await metadata.refresh();
  const kept = await keptRelease(guarded);
  const pointers = await pulledPointers(metadata, fetcher, kept?.numbers ?? {});
  const channel = await channelOf(device, pointers);
  const pointer = pointers[channel];
  rejectUnless(pointer?.release, 'unusable', 'the store has no release yet');
  const files = await pulledFiles(metadata, fetcher, pointer, kept);
  return releaseOf(channel, files, pointers);
}

/**
 * Keep a release that was loaded and has answered its golden window, in place of the one before.
 *
 * @param {Storage} storage
 * @param {Release} release
 * @throws {UpdateRejectedError} As unusable, if the storage fails; the one before is then kept.
 */
export async function keepRelease(storage, { channel, files, pointers }) {
  const guarded = guardedStorage(storage);
  const numbers = { ...(await keptRelease(guarded))?.numbers };
  for (const each of CHANNELS) {
    const pointer = pointers[each];
    if (pointer !== undefined) numbers[each] = pointer.number;
  }
  const [manifest, golden, onnx] = await Promise.all([files.manifest, files.golden, files.onnx].map(sha256));
  /** @type {KeptRelease} */
  const kept = { channel, numbers, files, digests: { manifest, golden, onnx } };
  await guarded.set(GOOD, kept);
}

/**
 * Return the release that was good last; this needs no network, and counts however old its signatures have become.
 *
 * @param {Storage} storage
 * @returns {Promise<Release | null>} Null if none was yet.
 * @throws {UpdateRejectedError} As changed, if it is not what was kept.
 */
export async function lastGoodRelease(storage) {
  const kept = await keptRelease(guardedStorage(storage));
  if (kept === null) return null;
  for (const file of /** @type {const} */ (['manifest', 'golden', 'onnx'])) {
    const digest = await sha256(kept.files[file]);
    rejectUnless(digest === kept.digests[file], 'changed', `the ${file} of the release that is kept is damaged`);
  }
  return releaseOf(kept.channel, kept.files, {});
}

/**
 * Forget which store is trusted and what came from it, as somebody has to ask for whose store was made anew: the next
 * pull trusts the root that the gateway then serves.
 *
 * @param {Storage} storage
 */
export async function forgetStore(storage) {
  const guarded = guardedStorage(storage);
  await guarded.set(GOOD, null);
  await guarded.set(keptAs('root'), null);
}

/**
 * @param {StoreMetadata} metadata
 * @param {BoundedFetcher} fetcher
 * @param {{stable?: number, canary?: number}} known The newest change that is known of each channel.
 * @returns {Promise<Pointers>}
 */
async function pulledPointers(metadata, fetcher, known) {
  /** @type {Pointers} */
  const pointers = {};
  for (const channel of CHANNELS) {
    const path = `channels/${channel}.json`;
    const least = known[channel] ?? 0;
    const target = await metadata.target(path);
    if (target === null) {
      rejectUnless(least === 0, 'rolled back', `the store knows no channel ${channel} any more`);
      continue;
    }
    const pointer = readPointer(await fetchSigned(fetcher, targetName(path, target), target, MAX_POINTER_BYTES));
    rejectUnless(pointer.channel === channel, 'contradictory', `${path} says that it is of ${pointer.channel}`);
    const { number } = pointer;
    const detail = `change ${number} of ${channel} was signed, but change ${least} is known already`;
    rejectUnless(number >= least, 'rolled back', detail);
    pointers[channel] = pointer;
  }
  return pointers;
}

/**
 * @param {StoreMetadata} metadata
 * @param {BoundedFetcher} fetcher
 * @param {Pointer} pointer
 * @param {KeptRelease | null} kept Of which files that did not change are taken.
 * @returns {Promise<ReleaseFiles>}
 */
async function pulledFiles(metadata, fetcher, pointer, kept) {
  const { release, manifest_sha256: digest } = pointer;
  /** @type {(name: string) => Promise<SignedFile & {path: string}>} */
  const signed = async (name) => {
    const path = `releases/${release}/${name}`;
    const target = await metadata.target(path);
    rejectUnless(target !== null, 'contradictory', `the store has signed no ${path}`);
    return { ...target, path };
  };
  /** @type {(file: SignedFile & {path: string}, most: number, before?: Uint8Array<ArrayBuffer>) => Promise<Uint8Array<ArrayBuffer>>} */
  const fetched = async (file, most, before) => {
    if (before?.length === file.length && (await sha256(before)) === file.sha256) return before;
    return fetchSigned(fetcher, targetName(file.path, file), file, most);
  };
  const signedManifest = await signed(MANIFEST);
  const isPointedTo = signedManifest.sha256 === digest;
  rejectUnless(isPointedTo, 'contradictory', `the manifest of ${release} is not the one pointed to`);
  const manifest = await fetched(signedManifest, MAX_MANIFEST_BYTES, kept?.files.manifest);
  const said = readManifest(manifest);
  rejectUnless(said.release === release, 'contradictory', `the manifest of ${release} says that it is ${said.release}`);
  const artifact = artifactOf(said, FORMAT);
  const network = await signed(artifact.name);
  rejectUnless(
    artifact.bytes === network.length && artifact.sha256 === network.sha256,
    'contradictory',
    `the manifest of ${release} says that ${artifact.name} has ${artifact.bytes} bytes, sha256 ${artifact.sha256}; ` +
      `signed are ${network.length} bytes, ${network.sha256}`,
  );
  const golden = await fetched(await signed(said.golden.file), MAX_MANIFEST_BYTES, kept?.files.golden);
  const onnx = await fetched(network, MAX_ARTIFACT_BYTES, kept?.files.onnx);
  return { manifest, golden, onnx };
}

/**
 * @param {Pointer['channel']} channel
 * @param {ReleaseFiles} files
 * @param {Pointers} pointers
 * @returns {Release}
 */
function releaseOf(channel, files, pointers) {
  const manifest = readManifest(files.manifest);
  const golden = readGolden(files.golden, manifest);
  return { name: manifest.release, channel, manifest, onnx: files.onnx, golden, files, pointers };
}

/** @param {string} path @param {SignedFile} target @returns {string} Its file in the store, by its content. */
function targetName(path, { sha256: digest }) {
  const slash = path.lastIndexOf('/');
  return `targets/${path.slice(0, slash)}/${digest}.${path.slice(slash + 1)}`;
}

/** @param {Storage} storage @returns {Promise<KeptRelease | null>} */
async function keptRelease(storage) {
  return (await storage.get(GOOD)) ?? null;
}

/**
 * @param {Storage} storage
 * @returns {Storage} The same, whose failures are rejections: a full or forbidden storage is no reason to stop.
 */
function guardedStorage(storage) {
  /** @type {(error: unknown) => never} */
  const reject = (error) => {
    const detail = `this browser's storage failed: ${textOf(error)}`;
    throw new UpdateRejectedError('unusable', detail, { cause: error });
  };
  return {
    get: (name) => storage.get(name).catch(reject),
    set: (name, value) => storage.set(name, value).catch(reject),
  };
}
