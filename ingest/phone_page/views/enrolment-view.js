/** Enrols the phone with a code from the address or typed by the wearer. */

import { byId, inputById, write } from '../shared/elements.js';

/**
 * Remove the enrolment code from the address, so that it is not in the history and not shared.
 *
 * @returns {string} The code; empty if there is none.
 */
export function takeCode() {
  const code = new URLSearchParams(location.hash.slice(1)).get('enrol') ?? '';
  if (code !== '') history.replaceState(null, '', location.pathname + location.search);
  return code;
}

export class EnrolmentView {
  #account;
  #isBusy = false;

  /** @param {import('../sending/device-account.js').DeviceAccount} account */
  constructor(account) {
    this.#account = account;
    byId('enrolment-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#enrol(inputById('code').value.trim());
    });
  }

  /** Enrol with a code from the address. @param {string} code */
  offer(code) {
    if (code === '' || !this.#account.needsToken) return;
    inputById('code').value = code;
    // An enrolled phone asks first: a link alone must not change its name.
    if (this.#account.isEnrolled && !this.#account.revokedReason) {
      write('enrolment-title', `This phone is ${this.#account.device}. Enrol it again?`);
      byId('enrolment').dataset.offered = 'true';
    } else {
      this.#enrol(code);
    }
  }

  render() {
    const { isEnrolled, needsToken, revokedReason } = this.#account;
    const enrolment = byId('enrolment');
    const isNeeded = needsToken && (!isEnrolled || revokedReason !== '');
    enrolment.hidden = !isNeeded && enrolment.dataset.offered !== 'true';
    if (isNeeded) write('enrolment-title', revokedReason ? 'Enrol this phone again' : 'Enrol this phone');
    for (const control of enrolment.querySelectorAll('input, button')) {
      /** @type {HTMLInputElement} */ (control).disabled = this.#isBusy;
    }
  }

  /** @param {string} code */
  async #enrol(code) {
    if (code === '' || this.#isBusy) return;
    this.#isBusy = true;
    write('enrolment-fault', '');
    this.render();
    try {
      await this.#account.enrol(code);
      inputById('code').value = '';
      delete byId('enrolment').dataset.offered;
    } catch (error) {
      const { message, retryAfter } = /** @type {import('../sending/gateway-answers.js').GatewayRejected} */ (error);
      const retry = retryAfter ? ` Try again in ${Math.ceil(retryAfter / 1000)} s.` : '';
      write('enrolment-fault', `${message}${retry}`);
    } finally {
      this.#isBusy = false;
      this.render();
    }
  }
}
