/** Asks what a device's wearer does, and has it labelled from now on; stops it, and takes it back. */

import { glyphOf } from './styles.js';
import { timeOfDay } from './shared/wording.js';

export class LabelDialog {
  #device = '';
  /** @type {Map<string, any>} The label that was made last, by device. */
  #last = new Map();

  /** @param {import('./commands.js').Commands} commands */
  constructor(commands) {
    this.commands = commands;
    this.dialog = /** @type {HTMLDialogElement} */ (document.getElementById('label-dialog'));
    element('label-stop').addEventListener('click', () => this.#stop());
    element('label-undo').addEventListener('click', () => this.#undo());
  }

  /** @param {string} device @param {import('./styles.js').ActivityStyle[]} labels What it can be said to do. */
  open(device, labels) {
    this.#device = device;
    element('label-title').textContent = device;
    element('label-said').textContent = '';
    this.#offer(labels);
    this.#showState();
    this.dialog.showModal();
  }

  /** @param {import('./styles.js').ActivityStyle[]} labels */
  #offer(labels) {
    const buttons = labels.map((style) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.className = 'button choice';
      button.dataset.activity = style.name;
      button.textContent = `${glyphOf(style)} ${style.title}`;
      button.addEventListener('click', () => this.#start(style.name, style.title));
      return button;
    });
    element('label-choices').replaceChildren(...buttons);
  }

  /** @param {string} activity @param {string} title */
  async #start(activity, title) {
    const device = this.#device;
    const said = await this.#send('label now', { device, activity }, device);
    if (said) this.#say(device, `${title} since ${timeOfDay(said.start)} by the phone's clock.`);
  }

  async #stop() {
    const device = this.#device;
    const { session, start, activity } = this.#last.get(device);
    const said = await this.#send('label now', { device, activity, session, start }, device);
    if (said) this.#say(device, `Ended at ${timeOfDay(said.end)} by the phone's clock.`);
  }

  async #undo() {
    const device = this.#device;
    const last = this.#last.get(device);
    // The later of two labels counts: it must be said after the one that it takes back.
    const said = await this.#send('label', { ...last, end: last.start, said_at: last.said_at + 1 }, device);
    if (!said) return;
    this.#last.delete(device);
    this.#showState();
    this.#say(device, 'Taken back.');
  }

  /**
   * @param {'label' | 'label now'} act
   * @param {object} document
   * @param {string} device
   */
  async #send(act, document, device) {
    this.#say(device, 'One moment …');
    const { done, answer } = await this.commands.send(act, document);
    if (!done) {
      this.#say(device, answer.detail);
      return null;
    }
    this.#last.set(device, answer.label);
    this.#showState();
    return answer.label;
  }

  #showState() {
    const last = this.#last.get(this.#device);
    const goesOn = last !== undefined && (last.end === undefined || last.end === null);
    /** @type {HTMLButtonElement} */ (element('label-stop')).disabled = !goesOn;
    /** @type {HTMLButtonElement} */ (element('label-undo')).disabled = last === undefined;
    for (const button of this.dialog.querySelectorAll('.choice')) {
      const pressed = goesOn && /** @type {HTMLElement} */ (button).dataset.activity === last.activity;
      button.setAttribute('aria-pressed', String(pressed));
    }
  }

  /** @param {string} device @param {string} text */
  #say(device, text) {
    if (device === this.#device) element('label-said').textContent = text;
  }
}

/** @param {string} id @returns {HTMLElement} */
function element(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}
