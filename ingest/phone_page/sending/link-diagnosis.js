/** Why the gateway's WebSocket does not open, in words for the wearer. */

import { rejectionOf } from '../shared/stream-rejection.js';
import { authorization } from './gateway-answers.js';

/** By status of the gateway's answer; 426 answers a valid request that opens no WebSocket. */
const REASONS = {
  426: 'A proxy in front of the gateway passes on pages but no WebSockets. Its operator must change that.',
  503: '',
};

/**
 * @param {string} url WebSocket URL.
 * @param {string} token Empty for none.
 * @returns {Promise<string>} Empty if the reason is not known.
 */
export function diagnose(url, token) {
  return rejectionOf(url, REASONS, authorization(token));
}
