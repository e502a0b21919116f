/** Invites a phone: asks for its name, and shows its enrolment code and QR code. */

export class EnrolDialog {
  /** @param {import('./commands.js').Commands} commands */
  constructor(commands) {
    this.commands = commands;
    this.dialog = /** @type {HTMLDialogElement} */ (document.getElementById('enrol-dialog'));
    element('enrol-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#invite(/** @type {HTMLInputElement} */ (element('enrol-name')).value.trim());
    });
  }

  open() {
    element('enrol-status').textContent = '';
    element('enrol-code').hidden = true;
    this.dialog.showModal();
  }

  /** @param {string} name */
  async #invite(name) {
    element('enrol-code').hidden = true;
    element('enrol-status').textContent = 'Creating the code …';
    const { done, answer } = await this.commands.invite(name);
    element('enrol-status').textContent = done ? '' : answer.detail;
    if (!done) return;
    const link = /** @type {HTMLAnchorElement} */ (element('enrol-url'));
    link.href = answer.url;
    link.textContent = answer.url.replace(/#.*/, '');
    element('enrol-letters').textContent = answer.code;
    const picture = new DOMParser().parseFromString(answer.svg, 'text/html').querySelector('svg');
    picture?.setAttribute('role', 'img');
    picture?.setAttribute('aria-label', `QR code for ${answer.device}`);
    element('enrol-picture').replaceChildren(...(picture ? [picture] : []));
    element('enrol-code').hidden = false;
  }
}

/** @param {string} id @returns {HTMLElement} */
function element(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}
