/**
 * Client of The Update Framework (TUF): verifies a store's metadata and looks targets up.
 *
 * This client is ours because tuf-js needs Node's `fs`, `path` and `crypto`, which browsers lack.
 *
 * Comments cite the steps of the specification 1.0.33, section 5
 * (https://theupdateframework.github.io/specification/v1.0.33/). The client is stricter than these steps in that:
 * - the first root must be signed by its own keys (5.2);
 * - a next root with the version of the trusted one is an error (5.3.5), and so are more than 256 new roots in one
 *   update (5.3.3);
 * - all stores must use consistent snapshots (5.3.12), and must list lengths and SHA-256 digests of metadata (5.5.2);
 * - metadata that cannot be fetched or verified during the search for a target is an error (5.6.7).
 *
 * It differs in that:
 * - the first root comes from the store (5.2), see release-client.js;
 * - stored metadata is verified with the current keys each time and ignored if that fails, instead of being deleted
 *   after a key rotation (5.3.11): a revoked key cannot set the version that later metadata must exceed;
 * - a timestamp with the stored version does not end the update (5.4.3.1), because the rest may not be stored yet;
 * - a stored snapshot or targets file with the listed digest is not fetched again (5.5.1, 5.6.1).
 */

import { delegatedFor } from './delegations.js';
import { listedIn, rejectOlder, rejectOlderParts, rejectOtherVersion, snapshotOf } from './listed-metadata.js';
import { isObject, readMetadata, sha256, verifySignatures } from './metadata-signatures.js';
import { fetchSigned, signedFile } from './signed-files.js';
import { UpdateRejectedError, rejectUnless } from './update-rejection.js';

/** @typedef {import('./bounded-fetch.js').BoundedFetcher} BoundedFetcher */
/** @typedef {import('./metadata-signatures.js').Metadata} Metadata */
/** @typedef {import('./metadata-signatures.js').Signers} Signers */
/** @typedef {import('./signed-files.js').SignedFile} SignedFile */
/** @typedef {import('./signed-files.js').SignedMetadata} SignedMetadata */

const TRUSTED_ROOT = 'trusted_root.json';
/** Y in 5.3.3. */
const MAX_ROOTS = 256;
/** Delegated roles that one search visits (5.6.7.1). */
const MAX_DELEGATIONS = 4;
/** W in 5.3.3, X in 5.4.1, Y in 5.5.1 and Z in 5.6.1. */
const MAX_BYTES = { root: 65_536, timestamp: 16_384, snapshot: 65_536, targets: 5_000_000 };

/**
 * @typedef {object} Storage Values that outlive the page; IndexedDB stores them unchanged.
 * @property {(name: string) => Promise<any>} get Returns the value that was set last; undefined or null without one.
 * @property {(name: string, value: any) => Promise<unknown>} set Stores objects and Uint8Arrays atomically.
 */

/** @param {string} role @returns {string} The name of the role's metadata in the storage. */
export function storageName(role) {
  return `store/metadata/${role}`;
}

export class TufClient {
  #fetcher;
  #storage;
  #now;
  /** @type {Metadata | undefined} */
  #root;
  /** @type {Record<string, SignedMetadata>} What the snapshot lists, by file name. */
  #listed = {};
  /** @type {Map<string, Metadata>} Targets and delegated roles that this client has loaded, by role. */
  #loaded = new Map();

  /**
   * @param {BoundedFetcher} fetcher Fetches from the store.
   * @param {Storage} storage
   * @param {number} now The fixed update start time (5.1), ms since the epoch.
   */
  constructor(fetcher, storage, now) {
    this.#fetcher = fetcher;
    this.#storage = storage;
    this.#now = now;
  }

  /**
   * Fetch and verify root, timestamp and snapshot. Call it before `target`.
   *
   * @throws {UpdateRejectedError}
   */
  async refresh() {
    this.#root = await this.#updateRoot();
    // 5.3.10: check for a freeze attack.
    this.#rejectExpired(this.#root);
    const timestamp = await this.#updateTimestamp();
    const snapshot = await this.#updateSnapshot(snapshotOf(timestamp));
    this.#listed = listedIn(snapshot);
  }

  /**
   * Look a target up in targets and in the roles that it delegates the path to (5.6.7).
   *
   * @param {string} path
   * @returns {Promise<SignedFile | null>} Null if no responsible role lists the target.
   * @throws {UpdateRejectedError} Also if a role's metadata cannot be fetched or verified.
   */
  async target(path) {
    const visited = new Set();
    // Last in, first out: a pre-order depth-first search.
    const toVisit = [this.#topLevel('targets')];
    // 5.6.7.1: limit the number of roles, and skip visited ones.
    while (toVisit.length > 0 && visited.size <= MAX_DELEGATIONS) {
      const signers = /** @type {Signers} */ (toVisit.pop());
      if (visited.has(signers.role)) continue;
      visited.add(signers.role);
      const { signed, role } = await this.#updateTargets(signers);
      rejectUnless(isObject(signed.targets), 'contradictory', `${role} lists no targets`);
      if (Object.hasOwn(signed.targets, path)) return signedFile(signed.targets[path], `${path} in ${role}`);
      // 5.6.7.2: search the delegations in order of appearance; after a terminating one, search no other.
      const { delegated, terminating } = delegatedFor(path, signed.delegations, role);
      if (terminating) toVisit.length = 0;
      toVisit.push(...delegated.reverse());
    }
    return null;
  }

  /** @returns {Promise<Metadata>} The newest root; it may have expired (5.3.6). */
  async #updateRoot() {
    // 5.2: load the trusted root.
    const stored = await this.#storage.get(storageName('root'));
    const first = stored ?? (await this.#fetcher.fetch(TRUSTED_ROOT, MAX_BYTES.root));
    let root = readMetadata(first, 'root', 'root');
    await verifySignatures(signersIn(root, 'root'), root);
    if (!stored) await this.#storage.set(storageName('root'), first);
    // 5.3.2, 5.3.9: repeat with the next version.
    for (let count = 0; count < MAX_ROOTS; count += 1) {
      // 5.3.3: try to download version N+1.
      const name = `metadata/${root.version + 1}.root.json`;
      const bytes = await this.#fetcher.fetchIfPresent(name, MAX_BYTES.root);
      if (bytes === null) return root;
      const next = readMetadata(bytes, 'root', 'root');
      // 5.3.4: check for an arbitrary software attack, first with the keys of version N.
      await verifySignatures(signersIn(root, 'root'), next);
      // 5.3.5: check for a rollback attack.
      rejectUnless(next.version === root.version + 1, 'rolled back', `${name} contains version ${next.version}`);
      // 5.3.4: then with the keys of version N+1.
      await verifySignatures(signersIn(next, 'root'), next);
      // 5.3.7, 5.3.8: trust and persist it.
      await this.#storage.set(storageName('root'), bytes);
      root = next;
    }
    throw new UpdateRejectedError('too long', `the store has more than ${MAX_ROOTS} new roots`);
  }

  /** @returns {Promise<Metadata>} */
  async #updateTimestamp() {
    const signers = this.#topLevel('timestamp');
    const stored = (await this.#stored(signers, 'timestamp'))?.metadata;
    // 5.4.1: download it.
    const bytes = await this.#fetcher.fetch('metadata/timestamp.json', MAX_BYTES.timestamp);
    // 5.4.2: check for an arbitrary software attack.
    const found = await verified(bytes, signers, 'timestamp');
    if (stored !== undefined) {
      // 5.4.3.1: check for a rollback attack; if the versions are equal, use the stored file.
      rejectOlder('timestamp', found.version, stored.version);
      if (found.version === stored.version) {
        this.#rejectExpired(stored);
        return stored;
      }
      // 5.4.3.2: the snapshot's version must not decrease either.
      rejectOlder('snapshot', snapshotOf(found).version, snapshotOf(stored).version);
    }
    // 5.4.4: check for a freeze attack.
    this.#rejectExpired(found);
    // 5.4.5: persist it.
    await this.#storage.set(storageName('timestamp'), bytes);
    return found;
  }

  /**
   * @param {SignedMetadata} listed The snapshot as the timestamp lists it.
   * @returns {Promise<Metadata>}
   */
  async #updateSnapshot(listed) {
    const signers = this.#topLevel('snapshot');
    const stored = await this.#stored(signers, 'snapshot');
    const isCurrent = stored !== null && (await sha256(stored.bytes)) === listed.sha256;
    // 5.5.1 to 5.5.3
    const { bytes, metadata } = isCurrent ? stored : await this.#fetchListed(signers, listed, 'snapshot');
    // 5.5.4: check its version, also of the stored file.
    rejectOtherVersion(metadata, listed, 'timestamp');
    // 5.5.5: check for a rollback attack.
    if (stored !== null) rejectOlderParts(listedIn(metadata), listedIn(stored.metadata));
    // 5.5.6: check for a freeze attack.
    this.#rejectExpired(metadata);
    // 5.5.7: persist it.
    if (!isCurrent) await this.#storage.set(storageName('snapshot'), bytes);
    return metadata;
  }

  /**
   * @param {Signers} signers Of targets or of a delegated role.
   * @returns {Promise<Metadata>}
   */
  async #updateTargets(signers) {
    const { role } = signers;
    const loaded = this.#loaded.get(role);
    if (loaded !== undefined) return loaded;
    const file = `${role}.json`;
    rejectUnless(Object.hasOwn(this.#listed, file), 'contradictory', `the snapshot does not list ${role}`);
    const listed = this.#listed[file];
    const stored = await this.#stored(signers, 'targets');
    const isCurrent = stored !== null && (await sha256(stored.bytes)) === listed.sha256;
    // 5.6.1 to 5.6.3
    const { bytes, metadata } = isCurrent ? stored : await this.#fetchListed(signers, listed, 'targets');
    // 5.6.4: check its version, also of the stored file.
    rejectOtherVersion(metadata, listed, 'snapshot');
    // 5.6.5: check for a freeze attack.
    this.#rejectExpired(metadata);
    // 5.6.6: persist it.
    if (!isCurrent) await this.#storage.set(storageName(role), bytes);
    this.#loaded.set(role, metadata);
    return metadata;
  }

  /**
   * @param {Signers} signers
   * @param {SignedMetadata} listed
   * @param {'snapshot' | 'targets'} type
   * @returns {Promise<{bytes: Uint8Array<ArrayBuffer>, metadata: Metadata}>}
   */
  async #fetchListed(signers, listed, type) {
    const name = `metadata/${listed.version}.${encodeURIComponent(signers.role)}.json`;
    // 5.5.1, 5.6.1: download it; 5.5.2, 5.6.2: check its hash.
    const bytes = await fetchSigned(this.#fetcher, name, listed, MAX_BYTES[type]);
    // 5.5.3, 5.6.3: check for an arbitrary software attack; the delegating role names a delegated role's keys.
    return { bytes, metadata: await verified(bytes, signers, type) };
  }

  /**
   * @param {Signers} signers
   * @param {string} type
   * @returns {Promise<{bytes: Uint8Array<ArrayBuffer>, metadata: Metadata} | null>} Null if none is stored, or if the
   *   current keys did not sign it.
   */
  async #stored(signers, type) {
    const bytes = await this.#storage.get(storageName(signers.role));
    if (!bytes) return null;
    try {
      return { bytes, metadata: await verified(bytes, signers, type) };
    } catch (error) {
      // Its key was revoked (5.3.11), or the storage is damaged.
      if (error instanceof UpdateRejectedError) return null;
      throw error;
    }
  }

  /** @param {string} role @returns {Signers} */
  #topLevel(role) {
    rejectUnless(this.#root !== undefined, 'unusable', 'refresh must be called before targets are looked up');
    return signersIn(this.#root, role);
  }

  /** @param {Metadata} metadata */
  #rejectExpired({ role, version, expires }) {
    const until = new Date(expires).toISOString();
    const detail = `${role} ${version} expired at ${until}; check this device's clock`;
    rejectUnless(this.#now < expires, 'expired', detail);
  }
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {Signers} signers
 * @param {string} type
 * @returns {Promise<Metadata>} Signed by its signers; it may have expired.
 */
async function verified(bytes, signers, type) {
  const metadata = readMetadata(bytes, signers.role, type);
  await verifySignatures(signers, metadata);
  return metadata;
}

/**
 * @param {Metadata} root
 * @param {string} role
 * @returns {Signers}
 */
function signersIn({ signed }, role) {
  const isRoot = isObject(signed.roles) && Object.hasOwn(signed.roles, role) && isObject(signed.roles[role]);
  rejectUnless(isRoot, 'contradictory', `the root does not name the signers of ${role}`);
  // 5.3.12
  rejectUnless(signed.consistent_snapshot === true, 'unusable', 'the store does not use consistent snapshots');
  const { keyids, threshold } = signed.roles[role];
  return { role, keys: signed.keys, keyids, threshold };
}
