/** TUF metadata: parsing, and verification of its Ed25519 signatures. */

import { canonicalJson, parseJson } from './canonical-json.js';
import { UpdateRejectedError, rejectUnless, textOf } from './update-rejection.js';

const ED25519 = 'Ed25519';
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const SPECIFICATION = /^1\.\d+(\.\d+)?$/;
const UTC_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/**
 * @typedef {object} Signers The signers of a role, from the metadata that delegates to it.
 * @property {string} role
 * @property {Record<string, any>} keys Public keys by their id; also keys of other roles.
 * @property {string[]} keyids The role's keys.
 * @property {number} threshold How many of them must sign.
 *
 * @typedef {object} Metadata
 * @property {string} role
 * @property {any} signed The signed part.
 * @property {number} version
 * @property {number} expires ms since the epoch.
 * @property {Map<string, string>} signatures Hexadecimal, by key id.
 * @property {Uint8Array<ArrayBuffer>} payload The bytes that the signatures cover.
 */

/**
 * Parse metadata without verifying its signatures.
 *
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {string} role Its name in errors.
 * @param {string} type `root`, `timestamp`, `snapshot` or `targets`.
 * @returns {Metadata}
 * @throws {UpdateRejectedError} With the reason `contradictory`, if it is not metadata of this type.
 */
export function readMetadata(bytes, role, type) {
  let document;
  let payload;
  try {
    document = parseJson(bytes);
    payload = canonicalJson(document.signed);
  } catch (error) {
    throw new UpdateRejectedError('contradictory', `${role} is not TUF metadata: ${textOf(error)}`, { cause: error });
  }
  const { signed } = document;
  const isMetadata =
    isObject(signed) &&
    signed._type === type &&
    typeof signed.spec_version === 'string' &&
    SPECIFICATION.test(signed.spec_version) &&
    isVersion(signed.version) &&
    typeof signed.expires === 'string' &&
    UTC_TIME.test(signed.expires) &&
    !Number.isNaN(Date.parse(signed.expires));
  rejectUnless(isMetadata, 'contradictory', `${role} is not TUF metadata of the type ${type}`);
  return {
    role,
    signed,
    version: signed.version,
    expires: Date.parse(signed.expires),
    signatures: signaturesOf(document.signatures, role),
    payload,
  };
}

/**
 * @param {unknown} listed
 * @param {string} role
 * @returns {Map<string, string>}
 */
function signaturesOf(listed, role) {
  rejectUnless(Array.isArray(listed), 'contradictory', `${role} has no list of signatures`);
  const found = new Map();
  for (const entry of listed) {
    const isSignature = isObject(entry) && typeof entry.keyid === 'string' && typeof entry.sig === 'string';
    const detail = `${role} has a malformed signature, or two of one key`;
    rejectUnless(isSignature && !found.has(entry.keyid), 'contradictory', detail);
    found.set(entry.keyid, entry.sig);
  }
  return found;
}

/**
 * Check that a threshold of the role's keys has signed the metadata.
 *
 * @param {Signers} signers
 * @param {Metadata} metadata
 * @throws {UpdateRejectedError} With the reason `unsigned` if too few keys have signed; `unusable` if this browser
 *   cannot verify the signatures; `contradictory` if the signers are malformed.
 */
export async function verifySignatures({ role, keys, keyids, threshold }, metadata) {
  const areSigners =
    isObject(keys) &&
    Array.isArray(keyids) &&
    keyids.every((keyid) => typeof keyid === 'string') &&
    new Set(keyids).size === keyids.length &&
    isVersion(threshold);
  rejectUnless(areSigners, 'contradictory', `the keys or the threshold of ${role} are malformed`);
  // By key and not by id: one key under two ids counts once.
  const signed = new Set();
  for (const keyid of keyids) {
    if (!Object.hasOwn(keys, keyid)) continue;
    const key = publicKey(keys[keyid], role);
    const signature = fromHex(metadata.signatures.get(keyid) ?? '', SIGNATURE_BYTES);
    if (signature !== null && (await hasSigned(key.bytes, signature, metadata.payload))) signed.add(key.hex);
  }
  rejectUnless(
    signed.size >= threshold,
    'unsigned',
    `${role} ${metadata.version} is signed by ${signed.size} of the ${threshold} required keys`,
  );
}

/**
 * @param {any} key From the metadata.
 * @param {string} role
 * @returns {{hex: string, bytes: Uint8Array<ArrayBuffer>}}
 */
function publicKey(key, role) {
  rejectUnless(
    isObject(key) && key.keytype === 'ed25519' && key.scheme === 'ed25519',
    'unusable',
    `a key of the role ${role} is ${key?.keytype}/${key?.scheme}; the page verifies Ed25519 only`,
  );
  const hex = String(key.keyval?.public).toLowerCase();
  const bytes = fromHex(hex, KEY_BYTES);
  rejectUnless(bytes !== null, 'unusable', `a key of the role ${role} is not an Ed25519 key`);
  return { hex, bytes };
}

/**
 * @param {Uint8Array<ArrayBuffer>} publicBytes
 * @param {Uint8Array<ArrayBuffer>} signature
 * @param {Uint8Array<ArrayBuffer>} payload
 * @returns {Promise<boolean>}
 */
async function hasSigned(publicBytes, signature, payload) {
  const { subtle } = webCrypto();
  let key;
  try {
    key = await subtle.importKey('raw', publicBytes, { name: ED25519 }, false, ['verify']);
  } catch (error) {
    const detail = `this browser cannot verify Ed25519 signatures (${textOf(error)}); update it`;
    throw new UpdateRejectedError('unusable', detail, { cause: error });
  }
  return subtle.verify({ name: ED25519 }, key, signature, payload);
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {Promise<string>} Their SHA-256, hexadecimal.
 */
export async function sha256(bytes) {
  const digest = new Uint8Array(await webCrypto().subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** @returns {Crypto} */
function webCrypto() {
  rejectUnless(
    globalThis.crypto?.subtle,
    'unusable',
    'browsers verify signatures only on pages opened over HTTPS or from localhost',
  );
  return globalThis.crypto;
}

/**
 * @param {string} text
 * @param {number} length In bytes.
 * @returns {Uint8Array<ArrayBuffer> | null} Null if the text is not lower-case hexadecimal of this length.
 */
function fromHex(text, length) {
  if (!/^[0-9a-f]*$/.test(text) || text.length !== 2 * length) return null;
  return Uint8Array.from({ length }, (_, at) => Number.parseInt(text.slice(2 * at, 2 * at + 2), 16));
}

/** @param {unknown} value @returns {value is Record<string, any>} */
export function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @param {unknown} value @returns {value is number} Whether it is an integer of 1 or more. */
export function isVersion(value) {
  return Number.isSafeInteger(value) && /** @type {number} */ (value) >= 1;
}
