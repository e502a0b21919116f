/** Buttons for labels, and a list of the newest ones, which can be corrected. */

import { byId, inputById, part, write } from '../shared/elements.js';
import { counted, duration, timeOfDay } from '../shared/wording.js';

const MAX_ROWS = 6;
const VIBRATION_MS = 40;

/** @typedef {import('../sending/label-journal.js').Label} Label */

export class LabelsView {
  #phone;
  #onFault;
  /** @type {Map<string, HTMLElement>} By activity. */
  #buttons = new Map();
  /** The shown rows and the activities of the buttons, as JSON. */
  #shownRows = '';
  #shownActivities = '';
  /** @type {Label | null} The label that the wearer corrects; null for none. */
  #corrected = null;

  /** @param {import('../phone.js').Phone} phone @param {(text: string) => void} onFault */
  constructor(phone, onFault) {
    this.#phone = phone;
    this.#onFault = onFault;
    byId('undo').addEventListener('click', () => this.#tap(() => phone.undoLabel()));
    byId('withdraw').addEventListener('click', () => {
      const label = this.#corrected;
      if (label) this.#tap(() => phone.labels.withdraw(label));
    });
    byId('keep-label').addEventListener('click', () => this.#correct(null));
    byId('own-word-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#choose(inputById('own-word').value.trim());
      inputById('own-word').value = '';
    });
  }

  /** @param {import('../configuration.js').Activity[]} activities */
  #createButtons(activities) {
    const shown = JSON.stringify(activities);
    if (shown === this.#shownActivities) return;
    this.#shownActivities = shown;
    this.#buttons = new Map(activities.map((activity) => [activity.name, this.#button(activity)]));
    byId('label-buttons').replaceChildren(...this.#buttons.values());
  }

  /** @param {import('../configuration.js').Activity} activity */
  #button({ name, title, colour }) {
    const button = /** @type {HTMLButtonElement} */ (part('button', 'label-button', ''));
    button.type = 'button';
    button.dataset.activity = name;
    button.style.setProperty('--activity', colour);
    button.append(part('span', 'title', title), part('span', 'for', ''));
    button.addEventListener('click', () => this.#choose(name));
    return button;
  }

  /** Correct the chosen label, or start or stop one. @param {string} activity */
  #choose(activity) {
    const phone = this.#phone;
    const label = this.#corrected;
    if (label) this.#tap(() => phone.correctLabel(label, activity));
    else this.#tap(() => (phone.labels.active?.activity === activity ? phone.stopLabel() : phone.label(activity)));
  }

  /** @param {() => Promise<void>} action */
  #tap(action) {
    navigator.vibrate?.(VIBRATION_MS);
    this.#corrected = null;
    action().catch((error) => {
      console.error('could not store a label', error);
      this.#onFault(`The label could not be stored on this phone: ${error.message}`);
    });
    this.render();
  }

  /** @param {Label | null} label */
  #correct(label) {
    this.#corrected = label;
    this.render();
  }

  render() {
    const { labels, isRecording, labelActivities } = this.#phone;
    const corrected = this.#corrected;
    byId('labels').hidden = !isRecording && labels.recent.length === 0;
    byId('label-buttons').hidden = byId('own-word-form').hidden = !isRecording && !corrected;
    byId('correction').hidden = !corrected;
    write('labels-title', corrected ? 'What did you do?' : 'What are you doing?');
    write('correction-text', corrected ? `${this.#title(corrected.activity)}, ${this.#when(corrected)}` : '');
    write('own-word-button', corrected ? 'Correct' : 'Begin');
    this.#createButtons(labelActivities.offered);
    this.#markButtons(corrected ?? labels.active, !corrected);
    const undoable = labels.undoable;
    byId('undo').hidden = !undoable || Boolean(corrected);
    const undo = `Undo ${undoable ? this.#title(undoable.activity) : ''}`;
    if (byId('undo').getAttribute('aria-label') !== undo) byId('undo').setAttribute('aria-label', undo);
    write('labels-text', this.#text());
    this.#list();
  }

  /** @param {Label | null} label @param {boolean} isActive Whether it is the active label. */
  #markButtons(label, isActive) {
    for (const [name, button] of this.#buttons) {
      const isPressed = label?.activity === name;
      button.setAttribute('aria-pressed', String(isPressed));
      const time = isPressed && label ? duration((this.#phone.clock.now() - label.start) / 1e6) : '';
      write(button.querySelector('.for'), isPressed && isActive ? `${time}, tap to stop` : '');
    }
  }

  #text() {
    const { labels } = this.#phone;
    if (labels.waiting === 0) return '';
    const reason = labels.reason ? ` ${labels.reason}` : '';
    return `${counted(labels.waiting, 'label')} not sent yet.${reason}`;
  }

  #list() {
    const { labels } = this.#phone;
    const listed = labels.recent.slice(0, MAX_ROWS);
    const rows = listed.map((label) => ({
      title: this.#title(label.activity),
      when: this.#when(label),
      state: label.rejected ? `rejected: ${label.rejected}` : labels.isWaiting(label) ? 'waiting' : 'sent',
      undone: label.end === label.start,
    }));
    const shownRows = JSON.stringify([rows, listed.map(({ session, start }) => [session, start])]);
    if (shownRows === this.#shownRows) return;
    this.#shownRows = shownRows;
    byId('label-list').replaceChildren(
      ...rows.map(({ title, when, state, undone }, at) => {
        const row = part('li', undone ? 'undone' : '', '');
        row.append(part('span', 'title', title), part('span', 'when', when), part('span', 'state', state));
        if (!undone) row.append(this.#changeButton(listed[at], `${title}, ${when}`));
        return row;
      }),
    );
  }

  /** @param {Label} label @param {string} description */
  #changeButton(label, description) {
    const button = /** @type {HTMLButtonElement} */ (part('button', 'small', 'Change'));
    button.type = 'button';
    button.setAttribute('aria-label', `Change ${description}`);
    button.addEventListener('click', () => {
      // The listed label may have changed since the row was drawn, such as by its end.
      this.#correct(this.#phone.labels.listed(label) ?? null);
    });
    return button;
  }

  /** @param {Label} label */
  #when({ session, start, end }) {
    if (end === start) return `${timeOfDay(start)}, undone`;
    if (end !== null) return `${timeOfDay(start)} to ${timeOfDay(end)}`;
    if (session === this.#phone.session) return `since ${timeOfDay(start)}`;
    return `${timeOfDay(start)} to the end of its session`;
  }

  /** @param {string} activity */
  #title(activity) {
    const { configuration, labelActivities } = this.#phone;
    const known = [...labelActivities.offered, ...configuration.activities];
    return known.find(({ name }) => name === activity)?.title ?? activity;
  }
}
