/** Pocket mode: a black screen that ignores short touches. A locked phone would stop the page. */

import { byId, write } from '../shared/elements.js';
import { duration } from '../shared/wording.js';

const HOLD_MS = 2_000;
/** How long the text is shown before the screen turns black, ms. */
const TEXT_MS = 5_000;

export class PocketMode {
  #phone;
  #dialog = /** @type {HTMLDialogElement} */ (byId('pocket'));
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #hold;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #dim;

  /** @param {import('../phone.js').Phone} phone */
  constructor(phone) {
    this.#phone = phone;
    byId('pocket-button').addEventListener('click', () => this.#open());
    const dialog = this.#dialog;
    dialog.addEventListener('pointerdown', () => this.#press());
    for (const end of ['pointerup', 'pointercancel', 'pointerleave']) {
      dialog.addEventListener(end, () => this.#release());
    }
    dialog.addEventListener('keydown', (event) => {
      if (!event.repeat && (event.key === 'Enter' || event.key === ' ' || event.key === 'Escape')) this.#press();
      event.preventDefault();
    });
    dialog.addEventListener('keyup', () => this.#release());
    // Escape and the back gesture must not close it: they may happen in a pocket.
    dialog.addEventListener('cancel', (event) => event.preventDefault());
    dialog.addEventListener('contextmenu', (event) => event.preventDefault());
  }

  render() {
    if (!this.#phone.isRecording && this.#dialog.open) this.#close();
    if (!this.#dialog.open) return;
    const { since, motionFault } = this.#phone.recording;
    write(
      'pocket-recording',
      motionFault ? motionFault.message : `Recording for ${duration((this.#phone.clock.now() - since) / 1e6)}.`,
    );
  }

  #open() {
    this.#dialog.showModal();
    this.#showText();
    this.render();
  }

  #close() {
    clearTimeout(this.#hold);
    clearTimeout(this.#dim);
    this.#dialog.classList.remove('pressed');
    this.#dialog.close();
  }

  #press() {
    clearTimeout(this.#hold);
    this.#showText();
    this.#dialog.classList.add('pressed');
    this.#hold = setTimeout(() => {
      navigator.vibrate?.(80);
      this.#close();
    }, HOLD_MS);
  }

  #release() {
    clearTimeout(this.#hold);
    this.#dialog.classList.remove('pressed');
  }

  #showText() {
    this.#dialog.classList.remove('dark');
    clearTimeout(this.#dim);
    this.#dim = setTimeout(() => this.#dialog.classList.add('dark'), TEXT_MS);
  }
}
