/** How the phone gets its name: by a code in the address, or typed. */

import { byId, inputById, write } from './elements.js';

/**
 * Take an enrolment code out of the address bar, where it must not stay: it would be in the history, and be shared.
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

  /** @param {string} code From the address. */
  offer(code) {
    if (code === '' || !this.#account.needsToken) return;
    inputById('code').value = code;
    // Whoever has a name is asked: a link must not make the phone somebody else's.
    if (this.#account.isEnrolled && !this.#account.turnedAway) {
      write('enrolment-title', `This phone is ${this.#account.device}. Enrol it anew?`);
      byId('enrolment').dataset.offered = 'true';
    } else {
      this.#enrol(code);
    }
  }

  render() {
    const { isEnrolled, needsToken, turnedAway } = this.#account;
    const enrolment = byId('enrolment');
    const isNeeded = needsToken && (!isEnrolled || turnedAway !== '');
    enrolment.hidden = !isNeeded && enrolment.dataset.offered !== 'true';
    if (isNeeded) write('enrolment-title', turnedAway ? 'Enrol this phone again' : 'Enrol this phone');
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
      const later = retryAfter ? ` Try again in ${Math.ceil(retryAfter / 1000)} s.` : '';
      write('enrolment-fault', `${message}${later}`);
    } finally {
      this.#isBusy = false;
      this.render();
    }
  }
}
