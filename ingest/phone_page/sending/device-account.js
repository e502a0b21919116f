/** The phone's account at the gateway: its device name, secret and token. */

import { BackOff } from '../shared/back-off.js';
import { GatewayRejected, post } from './gateway-answers.js';

/** A token is renewed after this share of its lifetime. */
const RENEW_AFTER = 0.75;
/** A token younger than this is not renewed because of a failed connection, ms. */
const MIN_AGE_MS = 20_000;
const MAX_TIMER_MS = 86_400_000;

/**
 * @typedef {object} Enrolled
 * @property {string} device
 * @property {string} secret Proves the device's name when a token is requested; empty without enrolment.
 * @property {string} token
 * @property {number} renewAt When to renew the token, by this phone's clock, ms since the Unix epoch.
 * @property {number} endsAt When the token expires, likewise.
 *
 * @typedef {object} Credentials
 * @property {string} device
 * @property {string} token Empty without enrolment.
 */

export class DeviceAccount extends EventTarget {
  #values;
  #base;
  /** @type {Enrolled | null} */
  #enrolled;
  /** @type {Promise<void> | null} */
  #renewal = null;
  #renewed = 0;
  /** Whether to renew the token before its next use. */
  #isSuspect = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #backOff = new BackOff();
  /** Why the gateway no longer accepts this phone, as text for the wearer; empty while it does. */
  revokedReason = '';

  /**
   * @param {import('./database.js').NamedValues} values
   * @param {string} base URL of the gateway's `/v1/devices`.
   * @param {boolean} needsToken Whether phones must enrol.
   */
  static async open(values, base, needsToken) {
    const known = (await values.get('account')) ?? null;
    return new DeviceAccount(values, base, needsToken, needsToken && known?.secret === '' ? null : known);
  }

  /**
   * @param {import('./database.js').NamedValues} values
   * @param {string} base
   * @param {boolean} needsToken
   * @param {Enrolled | null} enrolled
   */
  constructor(values, base, needsToken, enrolled) {
    super();
    this.needsToken = needsToken;
    this.#values = values;
    this.#base = base;
    this.#enrolled = enrolled;
    this.#schedule();
  }

  /** The device's name; empty before it is enrolled. */
  get device() {
    return this.#enrolled?.device ?? '';
  }

  get isEnrolled() {
    return this.#enrolled !== null;
  }

  /**
   * Enrol with a code.
   *
   * @param {string} code
   * @throws {GatewayRejected | import('./gateway-answers.js').GatewayUnreachable}
   */
  async enrol(code) {
    const { answer, date } = await post(`${this.#base}/enrol`, { code });
    await this.#store({ device: answer.device, secret: answer.secret, ...lifetimeOf(answer, date) });
  }

  /** Set the name, at a gateway without enrolment. @param {string} device */
  setName(device) {
    return this.#store({ device, secret: '', token: '', renewAt: Infinity, endsAt: Infinity });
  }

  /** Delete the account from this phone. */
  async forget() {
    clearTimeout(this.#timer);
    this.#enrolled = null;
    await this.#values.set('account', undefined);
    this.dispatchEvent(new Event('change'));
  }

  /**
   * @returns {Promise<Credentials>} With a token that has not expired by this phone's clock.
   * @throws {GatewayRejected | import('./gateway-answers.js').GatewayUnreachable}
   */
  async credentials() {
    const known = this.#enrolled;
    if (known === null) throw new GatewayRejected(401, 'not_enrolled', 'This phone is not enrolled.', 0);
    if (!this.needsToken) return { device: known.device, token: '' };
    if (this.#isSuspect || Date.now() >= known.renewAt) {
      try {
        await this.#renew();
      } catch (error) {
        const isRevoked = error instanceof GatewayRejected && error.isRevocation;
        const isUsable = !this.#isSuspect && Date.now() < known.endsAt && !isRevoked;
        if (!isUsable) throw error;
      }
    }
    const { device, token } = this.#enrolled ?? known;
    return { device, token };
  }

  /** Report that the gateway rejected a token as expired. @param {string} token */
  reportExpired(token) {
    if (token === this.#enrolled?.token) this.#isSuspect = true;
  }

  /** Report that a connection failed without a reason. The token may be the cause, so an older one is renewed. */
  reportFailure() {
    if (Date.now() - this.#renewed > MIN_AGE_MS) this.#isSuspect = true;
  }

  /** Report that the gateway has revoked or removed this phone. @param {string} detail */
  reportRevoked(detail) {
    this.revokedReason = detail || 'The gateway no longer accepts this phone.';
    clearTimeout(this.#timer);
    this.dispatchEvent(new Event('change'));
  }

  #renew() {
    this.#renewal ??= this.#requestToken().finally(() => {
      this.#renewal = null;
    });
    return this.#renewal;
  }

  async #requestToken() {
    const known = /** @type {Enrolled} */ (this.#enrolled);
    const { device, secret } = known;
    try {
      const { answer, date } = await post(`${this.#base}/token`, { device, secret });
      if (this.#enrolled === known) await this.#store({ device, secret, ...lifetimeOf(answer, date) });
    } catch (error) {
      if (error instanceof GatewayRejected && error.isRevocation) this.reportRevoked(error.message);
      throw error;
    }
  }

  /** @param {Enrolled} enrolled */
  async #store(enrolled) {
    this.#enrolled = enrolled;
    this.#renewed = Date.now();
    this.#isSuspect = false;
    this.#backOff.reset();
    this.revokedReason = '';
    await this.#values.set('account', enrolled);
    this.#schedule(1_000); // limits the requests if the gateway's clock is wrong
    this.dispatchEvent(new Event('change'));
  }

  /** Schedule the next renewal, so that no connection has to wait for it. @param {number} minimum ms. */
  #schedule(minimum = 0) {
    clearTimeout(this.#timer);
    if (!this.#enrolled || !this.needsToken || this.revokedReason) return;
    const delay = Math.max(this.#enrolled.renewAt - Date.now(), minimum);
    this.#timer = setTimeout(() => this.#renewIfDue(), Math.min(Math.max(delay, 0), MAX_TIMER_MS));
  }

  async #renewIfDue() {
    if (Date.now() < (this.#enrolled?.renewAt ?? Infinity)) return this.#schedule();
    try {
      await this.#renew();
    } catch (error) {
      const { retryAfter, isRevocation } = /** @type {GatewayRejected} */ (error);
      if (!isRevocation) this.#schedule(this.#backOff.next(retryAfter));
    }
  }
}

/**
 * Convert a token's lifetime from the gateway's clock to the phone's, which may be far off.
 *
 * @param {{token: string, expires: number}} answer `expires` in µs since the Unix epoch.
 * @param {number} date The gateway's time, ms since the Unix epoch; NaN if unknown.
 */
function lifetimeOf({ token, expires }, date) {
  const now = Date.now();
  const lifetime = expires / 1000 - (Number.isNaN(date) ? now : date);
  return { token, renewAt: now + RENEW_AFTER * lifetime, endsAt: now + lifetime };
}
