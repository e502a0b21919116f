/**
 * What a store has signed, verified as TUF's client workflow says (The Update Framework specification 1.0, section 5):
 * the chain of roots, timestamp, snapshot, targets, and the roles that targets delegates to.
 *
 * Each step trusts only what the one before said, and what was verified is kept, so that nothing older is taken later.
 * What is kept is verified again by the keys that count now: what a revoked key signed counts for nothing, also not
 * as a version to be newer than.
 */

import { delegatedFor } from './delegations.js';
import { isObject, readMetadata, sha256, verifySignatures } from './metadata-signatures.js';
import { fetchSigned, signedFile, signedMetadata } from './signed-files.js';
import { UpdateRejectedError, rejectUnless } from './update-rejection.js';

/** @typedef {import('./bounded-fetch.js').BoundedFetcher} BoundedFetcher */
/** @typedef {import('./metadata-signatures.js').Metadata} Metadata */
/** @typedef {import('./metadata-signatures.js').Signers} Signers */
/** @typedef {import('./signed-files.js').SignedFile} SignedFile */
/** @typedef {import('./signed-files.js').SignedMetadata} SignedMetadata */

const TRUSTED_ROOT = 'trusted_root.json';
const MAX_ROOTS = 256;
const MAX_DELEGATIONS = 4;
const MOST_BYTES = { root: 65_536, timestamp: 16_384, snapshot: 65_536, targets: 5_000_000 };

/**
 * @typedef {object} Storage What outlives the page; IndexedDB takes such values as they are.
 * @property {(name: string) => Promise<any>} get What was set last; undefined or null if nothing was.
 * @property {(name: string, value: any) => Promise<unknown>} set Keeps objects and Uint8Arrays, whole or not at all.
 */

/** @param {string} role @returns {string} Under what name its metadata is kept. */
export function keptAs(role) {
  return `store/metadata/${role}`;
}

export class StoreMetadata {
  #fetcher;
  #storage;
  #now;
  /** @type {Metadata | undefined} */
  #root;
  /** @type {Record<string, SignedMetadata>} What the snapshot lists, by file name. */
  #listed = {};
  /** @type {Map<string, Metadata>} Targets and the roles it delegates to, as far as they were asked. */
  #loaded = new Map();

  /**
   * @param {BoundedFetcher} fetcher Fetches from the store.
   * @param {Storage} storage
   * @param {number} now ms since the epoch; what is over by then is rejected.
   */
  constructor(fetcher, storage, now) {
    this.#fetcher = fetcher;
    this.#storage = storage;
    this.#now = now;
  }

  /**
   * Fetch and verify what the store says now; only then may targets be asked for.
   *
   * @throws {UpdateRejectedError}
   */
  async refresh() {
    this.#root = await this.#newestRoot();
    this.#rejectExpired(this.#root);
    const timestamp = await this.#newestTimestamp();
    const snapshot = await this.#snapshot(snapshotOf(timestamp));
    this.#listed = listedIn(snapshot);
  }

  /**
   * Look a target up: in targets, then in the roles that it delegates the target's path to.
   *
   * @param {string} path
   * @returns {Promise<SignedFile | null>} Null if nobody signed it who may.
   * @throws {UpdateRejectedError}
   */
  async target(path) {
    const visited = new Set();
    const toVisit = [this.#topLevel('targets')];
    while (toVisit.length > 0 && visited.size <= MAX_DELEGATIONS) {
      const signers = /** @type {Signers} */ (toVisit.pop());
      if (visited.has(signers.role)) continue;
      visited.add(signers.role);
      const { signed, role } = await this.#targets(signers);
      rejectUnless(isObject(signed.targets), 'contradictory', `${role} lists no targets`);
      if (Object.hasOwn(signed.targets, path)) return signedFile(signed.targets[path], `${path} in ${role}`);
      const { delegated, terminating } = delegatedFor(path, signed.delegations, role);
      if (terminating) toVisit.length = 0;
      toVisit.push(...delegated.reverse());
    }
    return null;
  }

  /** @returns {Promise<Metadata>} */
  async #newestRoot() {
    const kept = await this.#storage.get(keptAs('root'));
    const first = kept ?? (await this.#fetcher.fetch(TRUSTED_ROOT, MOST_BYTES.root));
    let root = readMetadata(first, 'root', 'root');
    await verifySignatures(signersIn(root, 'root'), root);
    if (!kept) await this.#storage.set(keptAs('root'), first);
    for (let count = 0; count < MAX_ROOTS; count += 1) {
      const name = `metadata/${root.version + 1}.root.json`;
      const bytes = await this.#fetcher.fetchIfThere(name, MOST_BYTES.root);
      if (bytes === null) return root;
      const next = readMetadata(bytes, 'root', 'root');
      await verifySignatures(signersIn(root, 'root'), next);
      rejectUnless(next.version === root.version + 1, 'rolled back', `${name} says that it is version ${next.version}`);
      await verifySignatures(signersIn(next, 'root'), next);
      await this.#storage.set(keptAs('root'), bytes);
      root = next;
    }
    throw new UpdateRejectedError('too long', `more than ${MAX_ROOTS} roots follow one another`);
  }

  /** @returns {Promise<Metadata>} */
  async #newestTimestamp() {
    const signers = this.#topLevel('timestamp');
    const kept = (await this.#kept(signers, 'timestamp'))?.metadata;
    const bytes = await this.#fetcher.fetch('metadata/timestamp.json', MOST_BYTES.timestamp);
    const found = await verified(bytes, signers, 'timestamp');
    if (kept !== undefined) {
      rejectOlder('timestamp', found.version, kept.version);
      if (found.version === kept.version) {
        this.#rejectExpired(kept);
        return kept;
      }
      rejectOlder('snapshot', snapshotOf(found).version, snapshotOf(kept).version);
    }
    this.#rejectExpired(found);
    await this.#storage.set(keptAs('timestamp'), bytes);
    return found;
  }

  /**
   * @param {SignedMetadata} wanted As the timestamp says.
   * @returns {Promise<Metadata>}
   */
  async #snapshot(wanted) {
    const signers = this.#topLevel('snapshot');
    const kept = await this.#kept(signers, 'snapshot');
    if (kept !== null && (await sha256(kept.bytes)) === wanted.sha256) {
      this.#rejectExpired(kept.metadata);
      return kept.metadata;
    }
    const { bytes, metadata } = await this.#fetched(signers, wanted, 'snapshot');
    if (kept !== null) rejectOlderParts(listedIn(metadata), listedIn(kept.metadata));
    this.#rejectExpired(metadata);
    await this.#storage.set(keptAs('snapshot'), bytes);
    return metadata;
  }

  /**
   * @param {Signers} signers Who signs for targets, or for a role that it delegates to.
   * @returns {Promise<Metadata>}
   */
  async #targets(signers) {
    const { role } = signers;
    const loaded = this.#loaded.get(role);
    if (loaded !== undefined) return loaded;
    const file = `${role}.json`;
    rejectUnless(Object.hasOwn(this.#listed, file), 'contradictory', `the snapshot does not list ${role}`);
    const wanted = this.#listed[file];
    let found = await this.#kept(signers, 'targets');
    if (found === null || (await sha256(found.bytes)) !== wanted.sha256) {
      found = await this.#fetched(signers, wanted, 'targets');
      this.#rejectExpired(found.metadata);
      await this.#storage.set(keptAs(role), found.bytes);
    }
    this.#rejectExpired(found.metadata);
    this.#loaded.set(role, found.metadata);
    return found.metadata;
  }

  /**
   * @param {Signers} signers
   * @param {SignedMetadata} wanted
   * @param {'snapshot' | 'targets'} type
   * @returns {Promise<{bytes: Uint8Array<ArrayBuffer>, metadata: Metadata}>}
   */
  async #fetched(signers, wanted, type) {
    const name = `metadata/${wanted.version}.${encodeURIComponent(signers.role)}.json`;
    const bytes = await fetchSigned(this.#fetcher, name, wanted, MOST_BYTES[type]);
    const metadata = await verified(bytes, signers, type);
    rejectUnless(
      metadata.version === wanted.version,
      'rolled back',
      `${name} says that it is version ${metadata.version}`,
    );
    return { bytes, metadata };
  }

  /**
   * @param {Signers} signers
   * @param {string} type
   * @returns {Promise<{bytes: Uint8Array<ArrayBuffer>, metadata: Metadata} | null>} Null if nothing is kept that still counts.
   */
  async #kept(signers, type) {
    const bytes = await this.#storage.get(keptAs(signers.role));
    if (!bytes) return null;
    try {
      return { bytes, metadata: await verified(bytes, signers, type) };
    } catch (error) {
      // Its key was revoked since, or the storage was damaged: the store is asked as if nothing were kept.
      if (error instanceof UpdateRejectedError) return null;
      throw error;
    }
  }

  /** @param {string} role @returns {Signers} */
  #topLevel(role) {
    rejectUnless(this.#root !== undefined, 'unusable', 'the store was not asked yet');
    return signersIn(this.#root, role);
  }

  /** @param {Metadata} metadata */
  #rejectExpired({ role, version, expires }) {
    const until = new Date(expires).toISOString();
    rejectUnless(this.#now < expires, 'expired', `${role} ${version} counted until ${until}; is the clock right?`);
  }
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {Signers} signers
 * @param {string} type
 * @returns {Promise<Metadata>} Signed by whom it should be; it may have expired.
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
  rejectUnless(isRoot, 'contradictory', `the root does not say who signs for ${role}`);
  rejectUnless(signed.consistent_snapshot === true, 'unusable', 'the store does not keep files by their content');
  const { keyids, threshold } = signed.roles[role];
  return { role, keys: signed.keys, keyids, threshold };
}

/** @param {Metadata} timestamp @returns {SignedMetadata} */
function snapshotOf({ signed }) {
  return signedMetadata(signed.meta?.['snapshot.json'], 'snapshot.json in the timestamp');
}

/** @param {Metadata} snapshot @returns {Record<string, SignedMetadata>} */
function listedIn({ signed }) {
  rejectUnless(isObject(signed.meta), 'contradictory', 'the snapshot lists nothing');
  return Object.fromEntries(
    Object.entries(signed.meta).map(([file, listed]) => [file, signedMetadata(listed, `${file} in the snapshot`)]),
  );
}

/** @param {string} what @param {number} found @param {number} known */
function rejectOlder(what, found, known) {
  rejectUnless(found >= known, 'rolled back', `${what} ${found} was signed, but ${known} is known already`);
}

/** @param {Record<string, SignedMetadata>} found @param {Record<string, SignedMetadata>} known */
function rejectOlderParts(found, known) {
  for (const [file, { version }] of Object.entries(known)) {
    rejectUnless(Object.hasOwn(found, file), 'contradictory', `the snapshot does not list ${file} any more`);
    rejectOlder(file, found[file].version, version);
  }
}
