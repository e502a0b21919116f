/** Big buttons by which the wearer says what it does. */

import { byId, part, write } from './elements.js';
import { counted, duration, timeOfDay } from '../shared/wording.js';

const SHOWN = 4;
const TAP_MS = 40;

export class LabelsView {
  #phone;
  #onFault;
  /** @type {Map<string, HTMLElement>} By activity. */
  #buttons = new Map();
  #listed = '';

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

  /** @param {() => Promise<void>} say */
  #tap(say) {
    navigator.vibrate?.(TAP_MS);
    say().catch((error) => {
      console.error('a label could not be kept', error);
      this.#onFault(`The label could not be kept on this phone: ${error.message}`);
    });
  }

  render() {
    const { labels, isRecording, clock } = this.#phone;
    byId('labels').hidden = !isRecording && labels.said.length === 0;
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
    const undone = `Undo ${undoable ? this.#title(undoable.activity) : ''}`;
    if (byId('undo').getAttribute('aria-label') !== undone) byId('undo').setAttribute('aria-label', undone);
    write('labels-text', this.#text());
    this.#list();
  }

  #text() {
    const { labels } = this.#phone;
    if (labels.waiting === 0) return '';
    const why = labels.reason ? ` ${labels.reason}` : '';
    return `${counted(labels.waiting, 'label')} not with the gateway yet.${why}`;
  }

  #list() {
    const { labels } = this.#phone;
    const rows = labels.said.slice(0, SHOWN).map((said) => ({
      title: this.#title(said.activity),
      when: this.#when(said),
      state: said.rejected ? `rejected: ${said.rejected}` : labels.waits(said) ? 'waits' : 'sent',
      undone: said.end === said.start,
    }));
    const listed = JSON.stringify(rows);
    if (listed === this.#listed) return;
    this.#listed = listed;
    byId('said').replaceChildren(
      ...rows.map(({ title, when, state, undone }) => {
        const row = part('li', undone ? 'undone' : '', '');
        row.append(part('span', 'title', title), part('span', 'when', when), part('span', 'state', state));
        return row;
      }),
    );
  }

  /** @param {import('../sending/label-journal.js').Said} said */
  #when({ session, start, end }) {
    if (end === start) return `${timeOfDay(start)}, taken back`;
    if (end !== null) return `${timeOfDay(start)} to ${timeOfDay(end)}`;
    return session === this.#phone.session ? `since ${timeOfDay(start)}` : `${timeOfDay(start)} to its session’s end`;
  }

  /** @param {string} activity */
  #title(activity) {
    return this.#phone.configuration.activities.find(({ name }) => name === activity)?.title ?? activity;
  }
}
