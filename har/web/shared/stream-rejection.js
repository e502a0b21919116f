/** Why a WebSocket does not open: browsers hide the reason from pages, but not that of other requests. */

const TIMEOUT_MS = 5_000;
/** Longest text of a server that is shown, characters. */
const MAX_TEXT = 200;

/**
 * Request the WebSocket's address without opening one.
 *
 * @param {string} url WebSocket URL.
 * @param {Record<number, string>} reasons The reason by the answer's status, as text; empty for the server's own text.
 * @param {Record<string, string>} headers
 * @returns {Promise<string>} Empty if the reason is not known.
 */
export async function rejectionOf(url, reasons, headers = {}) {
  try {
    const response = await fetch(url.replace(/^ws/, 'http'), {
      headers,
      cache: 'no-store',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!Object.hasOwn(reasons, response.status)) return '';
    return reasons[response.status] || (await response.text()).trim().slice(0, MAX_TEXT);
  } catch {
    return '';
  }
}
