/** The wearer's settings. */

import { byId, inputById, write } from '../shared/elements.js';
import { counted } from '../shared/wording.js';

/** @type {Record<import('../sensing/motion-frame.js').SignCheck, string>} */
const SIGN_CHECK_TEXTS = {
  correct: 'The signs are correct: gravity is +9.8 m/s² along z.',
  reversed: 'The signs were reversed and are now corrected. A new session began.',
  not_flat: 'The phone is not flat. Lay it on a table, screen up, and try again.',
  moving: 'The phone is moving or not recording. Press Start, lay it on a table, and try again.',
};

const NO_RELEASE = 'Needs a release, but this gateway offers none.';

export class SettingsView {
  #phone;
  #onFault;
  /** The device name that was last written to the form. */
  #shownName = '';

  /** @param {import('../phone.js').Phone} phone @param {(text: string) => void} onFault */
  constructor(phone, onFault) {
    this.#phone = phone;
    this.#onFault = onFault;
    inputById('private').addEventListener('change', () => this.#set((on) => phone.setPrivate(on), 'private'));
    inputById('classifies').addEventListener('change', () => this.#set((on) => phone.setClassifies(on), 'classifies'));
    byId('signs').addEventListener('click', async () => write('signs-text', SIGN_CHECK_TEXTS[await phone.checkSigns()]));
    byId('forget').addEventListener('click', () => {
      if (confirm('Delete this enrolment? To send again, the phone needs a new code.')) phone.account.forget();
    });
    byId('name-form').addEventListener('submit', (event) => {
      event.preventDefault();
      phone.account.setName(inputById('name').value.trim());
    });
  }

  /** @param {(on: boolean) => Promise<void>} change @param {string} id */
  async #set(change, id) {
    const done = change(inputById(id).checked);
    // Show the old value until the change is done: the phone must not seem private before it is.
    this.render();
    try {
      await done;
    } catch (error) {
      console.error('could not store a setting', error);
      this.#onFault(`The setting could not be stored on this phone: ${/** @type {Error} */ (error).message}`);
    } finally {
      this.render();
    }
  }

  render() {
    const { settings, configuration, classification, account, isRecording, sending } = this.#phone;
    byId('settings').hidden = !sending;
    const canClassify = configuration.store && !classification?.isLoading;
    const privateInput = inputById('private');
    privateInput.checked = settings.isPrivate;
    privateInput.disabled = !canClassify && !settings.isPrivate;
    const classifiesInput = inputById('classifies');
    classifiesInput.checked = settings.classifies;
    classifiesInput.disabled = settings.isPrivate || (!canClassify && !settings.classifies);
    write('private-hint', this.#privateHint());
    write('classifies-hint', this.#classifiesHint());
    /** @type {HTMLButtonElement} */ (byId('signs')).disabled = !isRecording;
    byId('name-form').hidden = account.needsToken;
    byId('forget-setting').hidden = !account.needsToken;
    for (const control of byId('name-form').querySelectorAll('input, button')) {
      /** @type {HTMLInputElement} */ (control).disabled = isRecording;
    }
    if (this.#shownName === account.device) return; // do not overwrite the wearer's input
    this.#shownName = account.device;
    inputById('name').value = account.device;
  }

  #classifiesHint() {
    const { settings, configuration } = this.#phone;
    if (settings.isPrivate) return 'Private mode needs this.';
    if (!configuration.store) return NO_RELEASE;
    return 'Compares the phone with the server. Downloads about 14 MB once.';
  }

  #privateHint() {
    const { settings, configuration, sending, classification } = this.#phone;
    if (classification?.isLoading && !settings.isPrivate) {
      return 'Fetching and verifying the release. Until then, readings are still sent.';
    }
    if (!configuration.store) return NO_RELEASE;
    if (!settings.isPrivate) return 'This phone classifies its readings and sends only the activities.';
    const count = sending?.samples.count ?? 0;
    const text = 'Only activities are sent. Readings are neither sent nor stored.';
    if (count === 0) return text;
    return `${text} Earlier readings (${counted(count, 'batch')}) are kept here until you turn this off.`;
  }
}
