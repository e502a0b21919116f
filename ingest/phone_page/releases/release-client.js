/**
 * Pulls this device's release from a store, and keeps the last good release for use without the store.
 *
 * Every file is verified before it is parsed. An attacker who controls the network or the store's server can withhold
 * updates until signatures expire, but cannot make the page accept an unsigned release, an older one than it has seen,
 * or changed bytes. (An attacker with the online keys can sign releases until the keys are replaced.)
 *
 * A page in a browser cannot protect against the following:
 * - The gateway serves the page's own code, over HTTPS, at each load. An attacker who can change that code can remove
 *   the verification. A native client, whose code is delivered in another way, does not have this weakness.
 * - The gateway also serves the first root (`trusted_root.json`). The page keeps the first one and ignores later ones.
 *   If the browser clears the site's data, the page trusts the next root that it is served.
 * - The clock is the device's. If it is set back, expired metadata is accepted, but never metadata older than what the
 *   page has seen. If it is set ahead, all metadata is rejected as expired.
 * - Other pages of the same origin, extensions and the device's owner can write to the browser's storage. The last good
 *   release is stored with its digests; they detect damage, not an attack.
 * - Authorisation is not handled here: the store's files are of the page's origin, and the browser sends its cookie.
 */

import { BoundedFetcher } from './bounded-fetch.js';
import { CHANNELS, channelOf } from './channels.js';
import { forgetDeviceHead, lastGoodHead, pullDeviceHead } from './device-head.js';
import { sha256 } from './metadata-signatures.js';
import {
  MAX_MANIFEST_BYTES,
  MAX_POINTER_BYTES,
  artifactOf,
  readGolden,
  readManifest,
  readPointer,
} from './release-documents.js';
import { fetchSigned, targetName } from './signed-files.js';
import { TufClient, storageName } from './tuf-client.js';
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
/** The name of the last good release in the storage. */
const GOOD = 'store/good';

/**
 * @typedef {{stable?: Pointer, canary?: Pointer}} Pointers
 *
 * @typedef {object} ReleaseFiles
 * @property {Uint8Array<ArrayBuffer>} manifest
 * @property {Uint8Array<ArrayBuffer>} golden
 * @property {Uint8Array<ArrayBuffer>} onnx
 *
 * @typedef {object} Release A verified release. It must pass the check with its golden window before it is used.
 * @property {string} name
 * @property {Pointer['channel']} channel The channel that it was pulled from.
 * @property {Manifest} manifest
 * @property {Uint8Array<ArrayBuffer>} onnx The network.
 * @property {GoldenWindow} golden
 * @property {ReleaseFiles} files The unparsed files.
 * @property {Pointers} pointers Of all channels at the time of the pull; empty for a stored release.
 * @property {import('./personal-head-document.js').PersonalHead | null} head The device's personal head for it.
 * @property {UpdateRejectedError | null} headRejected Why the store's newest head is not used.
 *
 * @typedef {object} KeptRelease A stored release; one value, so that it is written atomically.
 * @property {Pointer['channel']} channel
 * @property {{stable?: number, canary?: number}} numbers The number of the newest known change of each channel.
 * @property {ReleaseFiles} files
 * @property {{manifest: string, golden: string, onnx: string}} digests SHA-256, hexadecimal.
 */

/**
 * Fetch and verify the release for a device. This stores metadata, against rollbacks, but not the release: call
 * `keepRelease` once the release is known to be good.
 *
 * @param {object} options
 * @param {string} options.baseUrl The store's URL, such as `./store/`.
 * @param {string} options.device The device's name.
 * @param {Storage} options.storage Must not be used by two pulls at the same time.
 * @param {number} [options.now] ms since the epoch.
 * @param {Patience} [options.patience]
 * @returns {Promise<Release>}
 * @throws {UpdateRejectedError} If the release cannot be fetched or is rejected.
 */
export async function pullRelease({ baseUrl, device, storage, now = Date.now(), patience }) {
  const guarded = guardedStorage(storage);
  const fetcher = new BoundedFetcher(baseUrl, patience);
  const metadata = new TufClient(fetcher, guarded, now);
  await metadata.refresh();
  const kept = await keptRelease(guarded);
  const pointers = await pullPointers(metadata, fetcher, kept?.numbers ?? {});
  const channel = await channelOf(device, pointers);
  const pointer = pointers[channel];
  rejectUnless(pointer?.release, 'unusable', 'the store has no release yet');
  const files = await pullFiles(metadata, fetcher, pointer, kept);
  const release = releaseOf(channel, files, pointers);
  const pull = { metadata, fetcher, storage: guarded, device, manifest: release.manifest };
  const { head, rejected } = await pullDeviceHead(pull);
  return { ...release, head, headRejected: rejected };
}

/**
 * Store a release that has passed the check with its golden window. It replaces the previous one.
 *
 * @param {Storage} storage
 * @param {Release} release
 * @throws {UpdateRejectedError} With the reason `unusable`, if the storage fails. The previous release stays stored.
 */
export async function keepRelease(storage, { channel, files, pointers }) {
  const guarded = guardedStorage(storage);
  const numbers = { ...(await keptRelease(guarded))?.numbers };
  for (const name of CHANNELS) {
    const pointer = pointers[name];
    if (pointer !== undefined) numbers[name] = pointer.number;
  }
  const [manifest, golden, onnx] = await Promise.all([files.manifest, files.golden, files.onnx].map(sha256));
  /** @type {KeptRelease} */
  const kept = { channel, numbers, files, digests: { manifest, golden, onnx } };
  await guarded.set(GOOD, kept);
}

/**
 * Return the last good release from the storage. It may be used without a connection, and after its signatures expire.
 *
 * @param {Storage} storage
 * @param {string} device The device's name.
 * @returns {Promise<Release | null>} Null if none is stored.
 * @throws {UpdateRejectedError} With the reason `changed`, if a file is damaged.
 */
export async function lastGoodRelease(storage, device) {
  const guarded = guardedStorage(storage);
  const kept = await keptRelease(guarded);
  if (kept === null) return null;
  for (const file of /** @type {const} */ (['manifest', 'golden', 'onnx'])) {
    const digest = await sha256(kept.files[file]);
    rejectUnless(digest === kept.digests[file], 'changed', `the stored ${file} file of the release is damaged`);
  }
  const release = releaseOf(kept.channel, kept.files, {});
  return { ...release, head: await lastGoodHead(guarded, device, release.manifest) };
}

/**
 * Remove the stored root and release, after the store was created anew. The next pull trusts the root that the gateway
 * serves.
 *
 * @param {Storage} storage
 */
export async function forgetStore(storage) {
  const guarded = guardedStorage(storage);
  await guarded.set(GOOD, null);
  await forgetDeviceHead(guarded);
  await guarded.set(storageName('root'), null);
}

/**
 * @param {TufClient} metadata
 * @param {BoundedFetcher} fetcher
 * @param {{stable?: number, canary?: number}} known The number of the newest known change of each channel.
 * @returns {Promise<Pointers>}
 */
async function pullPointers(metadata, fetcher, known) {
  /** @type {Pointers} */
  const pointers = {};
  for (const channel of CHANNELS) {
    const path = `channels/${channel}.json`;
    const least = known[channel] ?? 0;
    const target = await metadata.target(path);
    if (target === null) {
      rejectUnless(least === 0, 'rolled back', `the store no longer has the channel ${channel}`);
      continue;
    }
    const pointer = readPointer(await fetchSigned(fetcher, targetName(path, target), target, MAX_POINTER_BYTES));
    rejectUnless(pointer.channel === channel, 'contradictory', `${path} is the pointer of ${pointer.channel}`);
    const { number } = pointer;
    const detail = `change ${number} of ${channel} is older than the known change ${least}`;
    rejectUnless(number >= least, 'rolled back', detail);
    pointers[channel] = pointer;
  }
  return pointers;
}

/**
 * @param {TufClient} metadata
 * @param {BoundedFetcher} fetcher
 * @param {Pointer} pointer
 * @param {KeptRelease | null} kept Its unchanged files are not fetched again.
 * @returns {Promise<ReleaseFiles>}
 */
async function pullFiles(metadata, fetcher, pointer, kept) {
  const { release, manifest_sha256: digest } = pointer;
  /** @type {(name: string) => Promise<SignedFile & {path: string}>} */
  const signed = async (name) => {
    const path = `releases/${release}/${name}`;
    const target = await metadata.target(path);
    rejectUnless(target !== null, 'contradictory', `the store has not signed ${path}`);
    return { ...target, path };
  };
  /** @type {(file: SignedFile & {path: string}, limit: number, stored?: Uint8Array<ArrayBuffer>) => Promise<Uint8Array<ArrayBuffer>>} */
  const fetched = async (file, limit, stored) => {
    if (stored?.length === file.length && (await sha256(stored)) === file.sha256) return stored;
    return fetchSigned(fetcher, targetName(file.path, file), file, limit);
  };
  const signedManifest = await signed(MANIFEST);
  const isPointedTo = signedManifest.sha256 === digest;
  rejectUnless(isPointedTo, 'contradictory', `the manifest of ${release} is not the one that the channel points to`);
  const bytes = await fetched(signedManifest, MAX_MANIFEST_BYTES, kept?.files.manifest);
  const manifest = readManifest(bytes);
  const named = manifest.release;
  rejectUnless(named === release, 'contradictory', `the manifest of ${release} is that of ${named}`);
  const artifact = artifactOf(manifest, FORMAT);
  const network = await signed(artifact.name);
  rejectUnless(
    artifact.bytes === network.length && artifact.sha256 === network.sha256,
    'contradictory',
    `in the manifest of ${release}, ${artifact.name} has ${artifact.bytes} bytes, sha256 ${artifact.sha256}; ` +
      `the signed file has ${network.length} bytes, sha256 ${network.sha256}`,
  );
  const golden = await fetched(await signed(manifest.golden.file), MAX_MANIFEST_BYTES, kept?.files.golden);
  const onnx = await fetched(network, MAX_ARTIFACT_BYTES, kept?.files.onnx);
  return { manifest: bytes, golden, onnx };
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
  const { onnx } = files;
  return { name: manifest.release, channel, manifest, onnx, golden, files, pointers, head: null, headRejected: null };
}

/** @param {Storage} storage @returns {Promise<KeptRelease | null>} */
async function keptRelease(storage) {
  return (await storage.get(GOOD)) ?? null;
}

/**
 * @param {Storage} storage
 * @returns {Storage} The same storage, but a full or forbidden one throws an `UpdateRejectedError`.
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
