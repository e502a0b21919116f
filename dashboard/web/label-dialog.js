/** Labels a device's activity from now on; can end and undo the last label. */

import { glyphOf } from './styles.js';
import { byId, inputById } from './shared/elements.js';
import { timeOfDay } from './shared/wording.js';

export class LabelDialog {
  #device = '';
  /** @type {Map<string, any>} The last label, by device. */
  #last = new Map();

  /** @param {import('./commands.js').Commands} commands */
  constructor(commands) {
    this.commands = commands;
    this.dialog = /** @type {HTMLDialogElement} */ (byId('label-dialog'));
    byId('label-stop').addEventListener('click', () => this.#stop());
    byId('label-undo').addEventListener('click', () => this.#undo());
    byId('label-own-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#startOwn(inputById('label-own'));
    });
  }

  /**
   * @param {string} device
   * @param {import('./styles.js').ActivityStyle[]} usual The activities to choose from until the server has listed
   *   those of the device.
   */
  open(device, usual) {
    this.#device = device;
    byId('label-title').textContent = device;
    byId('label-status').textContent = '';
    inputById('label-own').value = '';
    this.#createButtons(usual);
    this.#showButtons();
    this.dialog.showModal();
    this.#listActivities(device);
  }

  /** Offer the classes of the device's release, and what it was labelled with before. @param {string} device */
  async #listActivities(device) {
    const { done, answer } = await this.commands.activities(device);
    if (!done || device !== this.#device) return;
    this.#createButtons([...answer.activities, ...answer.own]);
    this.#showButtons();
  }

  /** @param {import('./styles.js').ActivityStyle[]} labels */
  #createButtons(labels) {
    const buttons = labels.map((style) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.className = 'button choice';
      button.dataset.activity = style.name;
      button.textContent = `${glyphOf(style)} ${style.title}`;
      button.addEventListener('click', () => this.#start(style.name, style.title));
      return button;
    });
    byId('label-choices').replaceChildren(...buttons);
  }

  /** @param {string} activity @param {string} title */
  async #start(activity, title) {
    const device = this.#device;
    const label = await this.#send(device, this.commands.labelNow({ device, activity }));
    if (label) this.#showStatus(device, `${title} since ${timeOfDay(label.start)} (phone’s clock).`);
  }

  /**
   * Label with a word of the wearer's own. The gateway understands other names of known activities.
   *
   * @param {HTMLInputElement} input
   */
  async #startOwn(input) {
    const device = this.#device;
    const label = await this.#send(device, this.commands.labelNow({ device, activity: input.value }));
    if (!label) return;
    input.value = '';
    this.#showStatus(device, `${label.activity} since ${timeOfDay(label.start)} (phone’s clock).`);
    this.#listActivities(device);
  }

  async #stop() {
    const device = this.#device;
    const { session, start, activity } = this.#last.get(device);
    const label = await this.#send(device, this.commands.labelNow({ device, activity, session, start }));
    if (label) this.#showStatus(device, `Ended at ${timeOfDay(label.end)} (phone’s clock).`);
  }

  async #undo() {
    const device = this.#device;
    const last = this.#last.get(device);
    // Of two messages about one label the later one counts, so this one must be later.
    const undone = { ...last, end: last.start, said_at: last.said_at + 1 };
    if (!(await this.#send(device, this.commands.label(undone)))) return;
    this.#last.delete(device);
    this.#showButtons();
    this.#showStatus(device, 'Undone.');
  }

  /**
   * @param {string} device
   * @param {Promise<import('./commands.js').Answer>} request
   * @returns {Promise<any>} The accepted label; null if the request failed.
   */
  async #send(device, request) {
    this.#showStatus(device, 'Sending …');
    const { done, answer } = await request;
    if (!done) {
      this.#showStatus(device, answer.detail);
      return null;
    }
    this.#last.set(device, answer.label);
    this.#showButtons();
    return answer.label;
  }

  /** Enable and highlight the buttons for the device's last label. */
  #showButtons() {
    const last = this.#last.get(this.#device);
    const isActive = last !== undefined && (last.end === undefined || last.end === null);
    /** @type {HTMLButtonElement} */ (byId('label-stop')).disabled = !isActive;
    /** @type {HTMLButtonElement} */ (byId('label-undo')).disabled = last === undefined;
    for (const button of this.dialog.querySelectorAll('.choice')) {
      const pressed = isActive && /** @type {HTMLElement} */ (button).dataset.activity === last.activity;
      button.setAttribute('aria-pressed', String(pressed));
    }
  }

  /** @param {string} device @param {string} text */
  #showStatus(device, text) {
    if (device === this.#device) byId('label-status').textContent = text;
  }
}
