/** What the gateway's HTTP side says. */

/** Rejections that are over by themselves. */
const LATER_STATUS = new Set([408, 425, 429]);

/** The gateway does not know the device any more; a code of its own to enrol with is needed. */
const TURNED_AWAY = new Set(['revoked', 'unknown_device']);

/** The gateway rejects a request; its `message` is for the wearer. */
export class GatewayRejected extends Error {
  /** @param {number} status @param {string} code @param {string} detail @param {number} retryAfter ms, or 0. */
  constructor(status, code, detail, retryAfter) {
    super(detail);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }

  /** Whether the phone must be enrolled again. */
  get turnsAway() {
    return TURNED_AWAY.has(this.code);
  }

  /** Whether the same request will be rejected again. */
  get isFinal() {
    return this.status >= 400 && this.status < 500 && !LATER_STATUS.has(this.status);
  }
}

/** The gateway cannot be reached. */
export class GatewayAway extends Error {
  constructor() {
    super('The gateway cannot be reached.');
    this.retryAfter = 0;
  }
}

/**
 * @param {string} url
 * @param {object} body Sent as JSON.
 * @param {Record<string, string>} headers
 * @returns {Promise<{answer: any, date: number}>} What was answered, and the gateway's clock, ms; NaN if not said.
 * @throws {GatewayRejected | GatewayAway}
 */
export async function post(url, body, headers = {}) {
  let response;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify(body),
      cache: 'no-store',
      signal: AbortSignal.timeout(20_000),
    });
  } catch {
    throw new GatewayAway();
  }
  const answer = await response.json().catch(() => null); // a proxy's error page is no JSON
  if (!response.ok) throw rejection(response, answer);
  return { answer, date: Date.parse(response.headers.get('Date') ?? '') };
}

/** @param {Response} response @param {any} answer @returns {GatewayRejected} */
function rejection(response, answer) {
  const seconds = Number(response.headers.get('Retry-After') ?? 0);
  return new GatewayRejected(
    response.status,
    typeof answer?.code === 'string' ? answer.code : `http_${response.status}`,
    typeof answer?.detail === 'string' ? answer.detail : `The gateway answered with status ${response.status}.`,
    Number.isFinite(seconds) ? seconds * 1000 : 0,
  );
}
