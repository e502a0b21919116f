/** HTTP requests to the gateway, and their errors. */

/** Client errors after which the same request may succeed later. */
const RETRYABLE_STATUS = new Set([408, 425, 429]);

/** Codes for a device that the gateway no longer accepts; it must be enrolled again. */
const REVOKED_CODES = new Set(['revoked', 'unknown_device']);

/** The gateway rejected a request. Its `message` is for the wearer. */
export class GatewayRejected extends Error {
  /** @param {number} status @param {string} code @param {string} detail @param {number} retryAfter ms; 0 for none. */
  constructor(status, code, detail, retryAfter) {
    super(detail);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }

  /** Whether the phone must be enrolled again. */
  get isRevocation() {
    return REVOKED_CODES.has(this.code);
  }

  /** Whether the same request will be rejected again. */
  get isFinal() {
    return this.status >= 400 && this.status < 500 && !RETRYABLE_STATUS.has(this.status);
  }
}

/** The gateway could not be reached. */
export class GatewayUnreachable extends Error {
  constructor() {
    super('The gateway cannot be reached.');
    this.retryAfter = 0;
  }
}

/** @param {string} token Empty for none. @returns {Record<string, string>} The headers that carry it. */
export function authorization(token) {
  return token === '' ? {} : { Authorization: `Bearer ${token}` };
}

/**
 * @param {string} url
 * @param {object} body Sent as JSON.
 * @param {string} token Empty for none.
 * @returns {Promise<{answer: any, date: number}>} The parsed body, and the gateway's time, ms since the Unix epoch; NaN
 *   without a `Date` header.
 * @throws {GatewayRejected | GatewayUnreachable}
 */
export function post(url, body, token = '') {
  return request(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...authorization(token) },
    body: JSON.stringify(body),
  });
}

/**
 * @param {string} url
 * @param {string} token Empty for none.
 * @returns {Promise<{answer: any, date: number}>} As for `post`.
 * @throws {GatewayRejected | GatewayUnreachable}
 */
export function get(url, token = '') {
  return request(url, { headers: authorization(token) });
}

/** @param {string} url @param {RequestInit} options @returns {Promise<{answer: any, date: number}>} */
async function request(url, options) {
  let response;
  try {
    response = await fetch(url, { ...options, cache: 'no-store', signal: AbortSignal.timeout(20_000) });
  } catch {
    throw new GatewayUnreachable();
  }
  const answer = await response.json().catch(() => null); // a proxy's error page is not JSON
  if (!response.ok) throw rejection(response, answer);
  return { answer, date: Date.parse(response.headers.get('Date') ?? '') };
}

/** @param {Response} response @param {any} answer @returns {GatewayRejected} */
function rejection(response, answer) {
  const seconds = Number(response.headers.get('Retry-After') ?? 0);
  return new GatewayRejected(
    response.status,
    typeof answer?.code === 'string' ? answer.code : `http_${response.status}`,
    typeof answer?.detail === 'string' ? answer.detail : `The gateway returned status ${response.status}.`,
    Number.isFinite(seconds) ? seconds * 1000 : 0,
  );
}
