/** Which channel a device gets its release from: har/channels.py. */

import { sha256 } from '../releases/metadata-signatures.js';

/** @typedef {import('../releases/release-documents.js').Pointer} Pointer */

/** @type {Pointer['channel'][]} */
export const CHANNELS = ['stable', 'canary'];

/**
 * @param {string} device The device's name.
 * @param {{stable?: Pointer, canary?: Pointer}} pointers What the channels point to.
 * @returns {Promise<Pointer['channel']>}
 */
export async function channelOf(device, { canary }) {
  const among = canary !== undefined && canary.release !== null && (await isCanary(device, canary.share));
  return among ? 'canary' : 'stable';
}

/**
 * @param {string} device
 * @param {number} share Of the devices, from 0 to 1. Who is among a share is among every larger one.
 * @returns {Promise<boolean>} Whether the device is among them.
 */
export async function isCanary(device, share) {
  const digest = await sha256(new TextEncoder().encode(device));
  // A BigInt and a number are compared exactly, as Python compares an int and a float.
  return BigInt(`0x${digest.slice(0, 16)}`) < share * 2 ** 64;
}
