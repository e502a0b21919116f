/** Labels a device's activity from now on; can end the last label, and correct and withdraw the labels of this page. */

import { glyphOf } from './styles.js';
import { byId, inputById, part } from './shared/elements.js';
import { timeOfDay } from './shared/wording.js';

/** Labels of a device that are kept for the list. */
const MAX_LISTED = 6;

export class LabelDialog {
  #device = '';
  /** @type {Map<string, any[]>} The labels of this page, by device; the newest first. */
  #said = new Map();
  /** The label to correct; null for none. @type {any} */
  #corrected = null;
  /** @type {Map<string, string>} Titles of activities, by name. */
  #titles = new Map();

  /** @param {import('./commands.js').Commands} commands */
  constructor(commands) {
    this.commands = commands;
    this.dialog = /** @type {HTMLDialogElement} */ (byId('label-dialog'));
    byId('label-stop').addEventListener('click', () => this.#stop());
    byId('label-undo').addEventListener('click', () => this.#withdraw());
    byId('label-own-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#chooseOwn(inputById('label-own'));
    });
  }

  /**
   * @param {string} device
   * @param {import('./styles.js').ActivityStyle[]} usual The activities to choose from until the server has listed
   *   those of the device.
   */
  open(device, usual) {
    this.#device = device;
    this.#corrected = null;
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
      this.#titles.set(style.name, style.title);
      const button = document.createElement('button');
      button.type = 'button';
      button.className = 'button choice';
      button.dataset.activity = style.name;
      button.textContent = `${glyphOf(style)} ${style.title}`;
      button.addEventListener('click', () => this.#choose(style.name));
      return button;
    });
    byId('label-choices').replaceChildren(...buttons);
  }

  /**
   * Begin a label, or correct the chosen one.
   *
   * @param {string} activity
   * @returns {Promise<boolean>} Whether the gateway has accepted it.
   */
  async #choose(activity) {
    const device = this.#device;
    const label = await this.#send(device, this.#statement(device, activity));
    if (label) this.#showStatus(device, `${this.#title(label.activity)} ${when(label)} (phone’s clock).`);
    return label !== null;
  }

  /**
   * Label with a word of the wearer's own. The gateway understands other names of known activities.
   *
   * @param {HTMLInputElement} input
   */
  async #chooseOwn(input) {
    const device = this.#device;
    if (!(await this.#choose(input.value))) return;
    input.value = '';
    this.#listActivities(device);
  }

  /** @param {string} device @param {string} activity @returns {Promise<import('./commands.js').Answer>} */
  #statement(device, activity) {
    const label = this.#corrected;
    return label ? this.#change(label, { activity }) : this.commands.labelNow({ device, activity });
  }

  /** @param {any} label @param {object} changes @returns {Promise<import('./commands.js').Answer>} */
  #change(label, changes) {
    // Of two messages about one label the later one counts, so this one must be later.
    return this.commands.label({ ...label, ...changes, said_at: label.said_at + 1 });
  }

  async #stop() {
    const device = this.#device;
    const { session, start, activity } = this.#labels(device)[0];
    const label = await this.#send(device, this.commands.labelNow({ device, activity, session, start }));
    if (label) this.#showStatus(device, `Ended at ${timeOfDay(label.end)} (phone’s clock).`);
  }

  async #withdraw() {
    const device = this.#device;
    const label = this.#corrected ?? this.#labels(device)[0];
    if (await this.#send(device, this.#change(label, { end: label.start }))) this.#showStatus(device, 'Undone.');
  }

  /** @param {string} device @returns {any[]} */
  #labels(device) {
    return this.#said.get(device) ?? [];
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
    this.#keep(device, answer.label);
    if (device === this.#device) this.#corrected = null;
    this.#showButtons();
    return answer.label;
  }

  /** @param {string} device @param {any} label */
  #keep(device, label) {
    const { session, start, end } = label;
    const others = this.#labels(device).filter((other) => other.session !== session || other.start !== start);
    const kept = end === start ? others : [label, ...others].sort((one, other) => other.start - one.start);
    this.#said.set(device, kept.slice(0, MAX_LISTED));
  }

  /** Enable and highlight the buttons for the label to correct, or the device's last one, and list all. */
  #showButtons() {
    const labels = this.#labels(this.#device);
    const [last] = labels;
    const isActive = last !== undefined && isOpen(last);
    const shown = this.#corrected ?? (isActive ? last : null);
    byId('label-question').textContent = this.#corrected
      ? `What did the wearer do ${when(this.#corrected)}?`
      : 'What is the wearer doing from now on?';
    byId('label-begin').textContent = this.#corrected ? 'Correct' : 'Begin';
    /** @type {HTMLButtonElement} */ (byId('label-stop')).disabled = !isActive || this.#corrected !== null;
    /** @type {HTMLButtonElement} */ (byId('label-undo')).disabled = last === undefined;
    for (const button of this.dialog.querySelectorAll('.choice')) {
      const pressed = /** @type {HTMLElement} */ (button).dataset.activity === shown?.activity;
      button.setAttribute('aria-pressed', String(pressed));
    }
    byId('label-list').replaceChildren(...labels.map((label) => this.#row(label)));
  }

  /** @param {any} label */
  #row(label) {
    const text = `${this.#title(label.activity)}, ${when(label)}`;
    const row = part('li', '', text);
    const button = /** @type {HTMLButtonElement} */ (part('button', 'button', 'Change'));
    button.type = 'button';
    button.setAttribute('aria-label', `Change ${text}`);
    button.addEventListener('click', () => {
      this.#corrected = label;
      this.#showButtons();
    });
    row.append(button);
    return row;
  }

  /** @param {string} activity @returns {string} */
  #title(activity) {
    return this.#titles.get(activity) ?? activity;
  }

  /** @param {string} device @param {string} text */
  #showStatus(device, text) {
    if (device === this.#device) byId('label-status').textContent = text;
  }
}

/** @param {any} label */
function isOpen({ end }) {
  return end === undefined || end === null;
}

/** @param {any} label */
function when(label) {
  const start = timeOfDay(label.start);
  return isOpen(label) ? `since ${start}` : `from ${start} to ${timeOfDay(label.end)}`;
}
