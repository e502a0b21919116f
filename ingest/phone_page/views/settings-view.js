/** What the wearer can choose. */

import { byId, inputById, write } from './elements.js';
import { counted } from '../shared/wording.js';

/** @type {Record<import('../sensing/motion-frame.js').Verdict, string>} */
const VERDICTS = {
  right: 'The signs are right: gravity is +9.8 m/s² along z.',
  reversed: 'The signs were reversed; from now on they are right. A new session began.',
  not_flat: 'The phone does not lie flat. Lay it on a table, screen up, and press again.',
  moving: 'The phone does not lie still, or nothing is recorded. Press Start, lay it down, and press again.',
};

export class SettingsView {
  #phone;
  #onFault;
  #named = '';

  /** @param {import('../phone.js').Phone} phone @param {(text: string) => void} onFault */
  constructor(phone, onFault) {
    this.#phone = phone;
    this.#onFault = onFault;
    inputById('private').addEventListener('change', () => this.#set((on) => phone.setPrivate(on), 'private'));
    inputById('classifies').addEventListener('change', () => this.#set((on) => phone.setClassifies(on), 'classifies'));
    byId('signs').addEventListener('click', async () => write('signs-text', VERDICTS[await phone.checkSigns()]));
    byId('forget').addEventListener('click', () => {
      if (confirm('Forget this enrolment? To send again, the phone needs another code.')) phone.account.forget();
    });
    byId('name-form').addEventListener('submit', (event) => {
      event.preventDefault();
      phone.account.name(inputById('name').value.trim());
    });
  }

  /** @param {(on: boolean) => Promise<void>} change @param {string} id */
  async #set(change, id) {
    const done = change(inputById(id).checked);
    // It is shown as switched when it is: nobody shall take for private what is not yet.
    this.render();
    try {
      await done;
    } catch (error) {
      console.error('a setting could not be kept', error);
      this.#onFault(`The setting could not be kept on this phone: ${/** @type {Error} */ (error).message}`);
    } finally {
      this.render();
    }
  }

  render() {
    const { settings, configuration, classification, account, isRecording, sending } = this.#phone;
    byId('settings').hidden = !sending;
    const canClassify = configuration.store && !classification?.isLoading;
    const isPrivate = inputById('private');
    isPrivate.checked = settings.isPrivate;
    isPrivate.disabled = !canClassify && !settings.isPrivate;
    const classifies = inputById('classifies');
    classifies.checked = settings.classifies;
    classifies.disabled = settings.isPrivate || (!canClassify && !settings.classifies);
    write('private-hint', this.#privateHint());
    /** @type {HTMLButtonElement} */ (byId('signs')).disabled = !isRecording;
    byId('name-form').hidden = account.needsToken;
    byId('forget-setting').hidden = !account.needsToken;
    for (const control of byId('name-form').querySelectorAll('input, button')) {
      /** @type {HTMLInputElement} */ (control).disabled = isRecording;
    }
    if (this.#named === account.device) return; // what the wearer has typed stays
    this.#named = account.device;
    inputById('name').value = account.device;
  }

  #privateHint() {
    const { settings, configuration, sending, classification } = this.#phone;
    if (classification?.isLoading && !settings.isPrivate) {
      return 'The release is fetched and verified; until it is there, readings are sent as before.';
    }
    if (!configuration.store) return 'Needs a release, and this gateway offers none.';
    if (!settings.isPrivate) return 'Activities are found on this phone and sent; readings never leave it.';
    const held = sending?.samples.count ?? 0;
    const before =
      held > 0 ? ` What waited before (${counted(held, 'batch')}) is held back until you switch this off.` : '';
    return `Only activities are sent; readings are neither sent nor stored.${before}`;
  }
}
