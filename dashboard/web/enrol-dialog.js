/** Invites a phone: asks for its name, and shows its enrolment code and QR code. */

import { byId, inputById } from './shared/elements.js';

export class EnrolDialog {
  /** @param {import('./commands.js').Commands} commands */
  constructor(commands) {
    this.commands = commands;
    this.dialog = /** @type {HTMLDialogElement} */ (byId('enrol-dialog'));
    byId('enrol-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#invite(inputById('enrol-name').value.trim());
    });
  }

  open() {
    byId('enrol-status').textContent = '';
    byId('enrol-code').hidden = true;
    this.dialog.showModal();
  }

  /** @param {string} name */
  async #invite(name) {
    byId('enrol-code').hidden = true;
    byId('enrol-status').textContent = 'Creating the code …';
    const { done, answer } = await this.commands.invite(name);
    byId('enrol-status').textContent = done ? '' : answer.detail;
    if (!done) return;
    const link = /** @type {HTMLAnchorElement} */ (byId('enrol-url'));
    link.href = answer.url;
    link.textContent = answer.url.replace(/#.*/, '');
    byId('enrol-letters').textContent = answer.code;
    const picture = new DOMParser().parseFromString(answer.svg, 'text/html').querySelector('svg');
    picture?.setAttribute('role', 'img');
    picture?.setAttribute('aria-label', `QR code for ${answer.device}`);
    byId('enrol-picture').replaceChildren(...(picture ? [picture] : []));
    byId('enrol-code').hidden = false;
  }
}
