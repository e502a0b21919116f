/** Buttons for labels, and a list of the newest ones. */

import { byId, part, write } from '../shared/elements.js';
import { counted, duration, timeOfDay } from '../shared/wording.js';

const MAX_ROWS = 4;
const VIBRATION_MS = 40;

export class LabelsView {
  #phone;
  #onFault;
  /** @type {Map<string, HTMLElement>} By activity. */
  #buttons = new Map();
  /** The shown rows, as JSON. */
  #shownRows = '';

  /** @param {import('../phone.js').Phone} phone @param {(text: string) => void} onFault */
  constructor(phone, onFault) {
    this.#phone = phone;
    this.#onFault = onFault;
    for (const activity of phone.configuration.activities) this.#addButton(activity);
    byId('undo').addEventListener('click', () => this.#tap(() => phone.undoLabel()));
  }

  /** @param {import('../configuration.js').Activity} activity */
  #addButton({ name, title, colour }) {
    const button = /** @type {HTMLButtonElement} */ (part('button', 'label-button', ''));
    button.type = 'button';
    button.dataset.activity = name;
    button.style.setProperty('--activity', colour);
    button.append(part('span', 'title', title), part('span', 'for', ''));
    button.addEventListener('click', () => {
      const isActive = this.#phone.labels.active?.activity === name;
      this.#tap(() => (isActive ? this.#phone.stopLabel() : this.#phone.label(name)));
    });
    this.#buttons.set(name, button);
    byId('label-buttons').append(button);
  }

  /** @param {() => Promise<void>} action */
  #tap(action) {
    navigator.vibrate?.(VIBRATION_MS);
    action().catch((error) => {
      console.error('could not store a label', error);
      this.#onFault(`The label could not be stored on this phone: ${error.message}`);
    });
  }

  render() {
    const { labels, isRecording, clock } = this.#phone;
    byId('labels').hidden = !isRecording && labels.recent.length === 0;
    byId('label-buttons').hidden = !isRecording;
    const { active } = labels;
    for (const [name, button] of this.#buttons) {
      const isActive = active?.activity === name;
      button.setAttribute('aria-pressed', String(isActive));
      const time = isActive && active ? duration((clock.now() - active.start) / 1e6) : '';
      write(button.querySelector('.for'), isActive ? `${time}, tap to stop` : '');
    }
    const undoable = labels.undoable;
    byId('undo').hidden = !undoable;
    const undo = `Undo ${undoable ? this.#title(undoable.activity) : ''}`;
    if (byId('undo').getAttribute('aria-label') !== undo) byId('undo').setAttribute('aria-label', undo);
    write('labels-text', this.#text());
    this.#list();
  }

  #text() {
    const { labels } = this.#phone;
    if (labels.waiting === 0) return '';
    const reason = labels.reason ? ` ${labels.reason}` : '';
    return `${counted(labels.waiting, 'label')} not sent yet.${reason}`;
  }

  #list() {
    const { labels } = this.#phone;
    const rows = labels.recent.slice(0, MAX_ROWS).map((label) => ({
      title: this.#title(label.activity),
      when: this.#when(label),
      state: label.rejected ? `rejected: ${label.rejected}` : labels.isWaiting(label) ? 'waiting' : 'sent',
      undone: label.end === label.start,
    }));
    const shownRows = JSON.stringify(rows);
    if (shownRows === this.#shownRows) return;
    this.#shownRows = shownRows;
    byId('label-list').replaceChildren(
      ...rows.map(({ title, when, state, undone }) => {
        const row = part('li', undone ? 'undone' : '', '');
        row.append(part('span', 'title', title), part('span', 'when', when), part('span', 'state', state));
        return row;
      }),
    );
  }

  /** @param {import('../sending/label-journal.js').Label} label */
  #when({ session, start, end }) {
    if (end === start) return `${timeOfDay(start)}, undone`;
    if (end !== null) return `${timeOfDay(start)} to ${timeOfDay(end)}`;
    if (session === this.#phone.session) return `since ${timeOfDay(start)}`;
    return `${timeOfDay(start)} to the end of its session`;
  }

  /** @param {string} activity */
  #title(activity) {
    return this.#phone.configuration.activities.find(({ name }) => name === activity)?.title ?? activity;
  }
}
