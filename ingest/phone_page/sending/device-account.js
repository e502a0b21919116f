/** Who this phone is to the gateway: its name, and the token that proves it. */

import { BackOff } from './back-off.js';
import { GatewayRejected, post } from './gateway-answers.js';

/** A token is replaced when this share of its life is over. */
const RENEWED_AT = 0.75;
/** How soon a token that seems good may be doubted again, ms. */
const DOUBT_MS = 20_000;
const LONGEST_TIMER_MS = 86_400_000;

/**
 * @typedef {object} Enrolled
 * @property {string} device
 * @property {string} secret What new tokens are got with; empty where none are needed.
 * @property {string} token
 * @property {number} renewAt When the token is to be replaced, ms by this phone's clock.
 * @property {number} endsAt When it ends.
 *
 * @typedef {object} Credentials
 * @property {string} device
 * @property {string} token Empty where none is needed.
 */

export class DeviceAccount extends EventTarget {
  #values;
  #base;
  /** @type {Enrolled | null} */
  #enrolled;
  /** @type {Promise<void> | null} */
  #renewal = null;
  #renewed = 0;
  #doubted = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #backOff = new BackOff();
  /** Why the gateway no longer knows this phone, for the wearer; empty while it does. */
  turnedAway = '';

  /**
   * @param {import('./database.js').NamedValues} values
   * @param {string} base The gateway's address of devices.
   * @param {boolean} needsToken Whether the gateway asks for one.
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
   * @throws {GatewayRejected | import('./gateway-answers.js').GatewayAway}
   */
  async enrol(code) {
    const { answer, date } = await post(`${this.#base}/enrol`, { code });
    await this.#keep({ device: answer.device, secret: answer.secret, ...lifeOf(answer, date) });
  }

  /** Take a name where the gateway asks for no token. @param {string} device */
  name(device) {
    return this.#keep({ device, secret: '', token: '', renewAt: Infinity, endsAt: Infinity });
  }

  /** Forget who this phone is. */
  async forget() {
    clearTimeout(this.#timer);
    this.#enrolled = null;
    await this.#values.set('account', undefined);
    this.dispatchEvent(new Event('change'));
  }

  /**
   * @returns {Promise<Credentials>} With a token that is good, as far as is known here.
   * @throws {GatewayRejected | import('./gateway-answers.js').GatewayAway}
   */
  async credentials() {
    const known = this.#enrolled;
    if (known === null) throw new GatewayRejected(401, 'not_enrolled', 'This phone is not enrolled.', 0);
    if (!this.needsToken) return { device: known.device, token: '' };
    if (this.#doubted || Date.now() >= known.renewAt) {
      try {
        await this.#renew();
      } catch (error) {
        const isTurnedAway = error instanceof GatewayRejected && error.turnsAway;
        const mayServe = !this.#doubted && Date.now() < known.endsAt && !isTurnedAway;
        if (!mayServe) throw error;
      }
    }
    const { device, token } = this.#enrolled ?? known;
    return { device, token };
  }

  /** The gateway no longer takes a token. @param {string} token */
  expired(token) {
    if (token === this.#enrolled?.token) this.#doubted = true;
  }

  /** A connection failed without a reason, which may be the token: ask for another, though not all the time. */
  doubt() {
    if (Date.now() - this.#renewed > DOUBT_MS) this.#doubted = true;
  }

  /** The gateway has said that this phone is revoked or forgotten. @param {string} detail */
  turnAway(detail) {
    this.turnedAway = detail || 'The gateway no longer knows this phone: it was revoked or forgotten.';
    clearTimeout(this.#timer);
    this.dispatchEvent(new Event('change'));
  }

  #renew() {
    this.#renewal ??= this.#askForToken().finally(() => {
      this.#renewal = null;
    });
    return this.#renewal;
  }

  async #askForToken() {
    const known = /** @type {Enrolled} */ (this.#enrolled);
    const { device, secret } = known;
    try {
      const { answer, date } = await post(`${this.#base}/token`, { device, secret });
      if (this.#enrolled === known) await this.#keep({ device, secret, ...lifeOf(answer, date) });
    } catch (error) {
      if (error instanceof GatewayRejected && error.turnsAway) this.turnAway(error.message);
      throw error;
    }
  }

  /** @param {Enrolled} enrolled */
  async #keep(enrolled) {
    this.#enrolled = enrolled;
    this.#renewed = Date.now();
    this.#doubted = false;
    this.#backOff.reset();
    this.turnedAway = '';
    await this.#values.set('account', enrolled);
    this.#schedule(1_000); // a gateway whose clock is wrong shall not be asked all the time
    this.dispatchEvent(new Event('change'));
  }

  /** Replace the token in time, so that the next connection need not wait. @param {number} atLeast ms. */
  #schedule(atLeast = 0) {
    clearTimeout(this.#timer);
    if (!this.#enrolled || !this.needsToken || this.turnedAway) return;
    const delay = Math.max(this.#enrolled.renewAt - Date.now(), atLeast);
    this.#timer = setTimeout(() => this.#renewInTime(), Math.min(Math.max(delay, 0), LONGEST_TIMER_MS));
  }

  async #renewInTime() {
    if (Date.now() < (this.#enrolled?.renewAt ?? Infinity)) return this.#schedule();
    try {
      await this.#renew();
    } catch (error) {
      const { retryAfter, turnsAway } = /** @type {GatewayRejected} */ (error);
      if (!turnsAway) this.#schedule(this.#backOff.next(retryAfter));
    }
  }
}

/**
 * How long a token lives is told by the gateway's clock, which the phone's may be far from.
 *
 * @param {{token: string, expires: number}} answer `expires` in µs.
 * @param {number} date The gateway's clock, ms.
 */
function lifeOf({ token, expires }, date) {
  const now = Date.now();
  const life = expires / 1000 - (Number.isNaN(date) ? now : date);
  return { token, renewAt: now + RENEWED_AT * life, endsAt: now + life };
}
