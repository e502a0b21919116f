/** Why the gateway's WebSocket does not open: browsers hide the reason from pages, but not that of other requests. */

import { authorization } from './gateway-answers.js';

const TIMEOUT_MS = 5_000;
/** The gateway's answer to a valid request that opens no WebSocket. */
const UPGRADE_REQUIRED = 426;

/**
 * Request the WebSocket's address without opening one.
 *
 * @param {string} url WebSocket URL.
 * @param {string} token
 * @returns {Promise<string>} The reason as text for the wearer; empty if it is not known.
 */
export async function diagnose(url, token) {
  try {
    const response = await fetch(url.replace(/^ws/, 'http'), {
      headers: authorization(token),
      cache: 'no-store',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (response.status === UPGRADE_REQUIRED) {
      return 'A proxy in front of the gateway passes on pages but no WebSockets. Its operator must change that.';
    }
    if (response.status !== 503) return '';
    return (await response.text()).trim().slice(0, 200);
  } catch {
    return '';
  }
}
