/** The channel of a device; the same as har/channels.py. */

import { sha256 } from './metadata-signatures.js';

/** @typedef {import('./release-documents.js').Pointer} Pointer */

/** @type {Pointer['channel'][]} */
export const CHANNELS = ['stable', 'canary'];

/**
 * @param {string} device The device's name.
 * @param {{stable?: Pointer, canary?: Pointer}} pointers
 * @returns {Promise<Pointer['channel']>}
 */
export async function channelOf(device, { canary }) {
  const isCovered = canary !== undefined && canary.release !== null && (await isCanary(device, canary.share));
  return isCovered ? 'canary' : 'stable';
}

/**
 * @param {string} device
 * @param {number} share Of the devices, from 0 to 1. A larger share includes all devices of a smaller one.
 * @returns {Promise<boolean>} Whether the share includes the device.
 */
export async function isCanary(device, share) {
  const digest = await sha256(new TextEncoder().encode(device));
  // JavaScript compares a BigInt and a number exactly, as Python compares an int and a float.
  return BigInt(`0x${digest.slice(0, 16)}`) < share * 2 ** 64;
}
