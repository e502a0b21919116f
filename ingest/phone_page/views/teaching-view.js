/** Offers the wearer to teach this phone, and shows what it was taught; see classification/teaching.js. */

import { byId, part, write } from '../shared/elements.js';
import { percent } from '../shared/wording.js';

/** @typedef {import('../classification/teaching.js').Teaching} Teaching */
/** @typedef {import('../releases/personal-head-document.js').HeldBack} HeldBack */

const OFFER =
  'This phone is often unsure what you do. It may not know how you carry it. Teach it: tap what you do above, put the phone ' +
  'where you always carry it, and go on for about 20 s. Do so for two activities or more.';
const OFFER_OF_SERVER =
  'The server is often unsure what you do. It may not know how you carry this phone. Label what you do above, for at least ' +
  '20 s each and two activities or more: then whoever runs this system can teach it. In private mode, this phone can learn by itself.';
const PRIVACY = 'It learns from the probabilities and the direction of gravity, not from readings. What it learns stays on this phone.';
const WORN = 'It holds while you carry the phone as you did when you labelled.';
const FORGET = 'Forget what this phone learned from you, and the time that you labelled for it?';

const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long' });

export class TeachingView {
  #phone;
  /** The rows that are shown, as JSON. */
  #shown = '';

  /** @param {import('../phone.js').Phone} phone */
  constructor(phone) {
    this.#phone = phone;
    byId('teach').addEventListener('click', () => phone.teaching?.fit());
    byId('forget-teaching').addEventListener('click', () => {
      if (confirm(FORGET)) phone.teaching?.forget();
    });
  }

  render() {
    const { teaching, settings } = this.#phone;
    const isOfferedByServer = !settings.isPrivate && this.#phone.isRecording && this.#phone.predictions.serverUnfamiliarity.isUnfamiliar;
    const words = isOfferedByServer ? OFFER_OF_SERVER : wordsOn(teaching, settings);
    byId('teaching').hidden = words === '';
    write('teaching-words', words);
    const canTeach = settings.isPrivate && teaching !== null && (teaching.isOffered || teaching.endedBy !== '' || teaching.isOwn);
    this.#list(canTeach ? teaching.progress : []);
    const teach = /** @type {HTMLButtonElement} */ (byId('teach'));
    teach.hidden = !canTeach;
    teach.disabled = !teaching?.canFit || teaching.isFitting;
    write(teach, teaching?.isOwn ? 'Teach it again' : 'Teach this phone');
    byId('forget-teaching').hidden = isOfferedByServer || !teaching?.canForget || teaching.isFitting;
    write('teaching-hint', canTeach ? PRIVACY : '');
    write('teaching-fault', teaching?.fault ?? '');
  }

  /** @param {Teaching['progress']} progress */
  #list(progress) {
    const rows = progress.map(({ activity, seconds, needed }) => {
      const time = seconds < needed ? `${Math.floor(seconds)} of ${needed} s` : `${Math.floor(seconds)} s, enough`;
      return { text: `${this.#style(activity).title}: ${time}`, value: Math.min(seconds, needed) / needed, activity };
    });
    const shown = JSON.stringify(rows);
    if (shown === this.#shown) return;
    this.#shown = shown;
    byId('teaching-progress').replaceChildren(
      ...rows.map(({ text, value, activity }) => {
        const row = part('li', '', '');
        const bar = /** @type {HTMLProgressElement} */ (part('progress', '', ''));
        bar.value = value;
        bar.setAttribute('aria-hidden', 'true'); // the text says the same
        row.style.setProperty('--activity', this.#style(activity).colour);
        row.append(part('span', '', text), bar);
        return row;
      }),
    );
  }

  /** @param {string} activity */
  #style(activity) {
    const { configuration, labelActivities } = this.#phone;
    const known = [...labelActivities.offered, ...configuration.activities].find(({ name }) => name === activity);
    return known ?? { title: activity, colour: 'var(--muted)' };
  }
}

/**
 * @param {Teaching | null} teaching
 * @param {{isPrivate: boolean, classifies: boolean}} settings
 * @returns {string} Empty if there is nothing to say.
 */
function wordsOn(teaching, { isPrivate, classifies }) {
  if (teaching === null || !classifies) return '';
  const { head, endedBy, failure, isFitting } = teaching;
  if (isFitting) return 'Learning from what you labelled …';
  const isOffered = isPrivate && teaching.isOffered;
  if (failure) {
    const why = failure.heldBack ? `${figures(failure.heldBack)} Label more, and try again.` : `It found that ${failure.message}.`;
    return `What it learned is not used. ${why}${head ? ' What it learned before stays in use.' : ''}`;
  }
  if (head) {
    const who = teaching.isOwn ? 'You taught this phone' : 'Whoever runs this system taught it by your labels';
    const again = isOffered ? ' It is often unsure again: label more, and teach it again.' : '';
    return `${who} on ${day.format(new Date(head.made))}. ${figures(head.held_back)} ${WORN}${again}`;
  }
  if (endedBy) return `What this phone learned has ended, as a new release (${endedBy}) answers now. Label again to teach it.`;
  return isOffered ? OFFER : '';
}

/** @param {HeldBack} heldBack @returns {string} How the head did, as a sentence. */
function figures({ right_before: before, right_after: after }) {
  return `Of the labelled time that was held back as a test, ${percent(before)} were right before, and ${percent(after)} with what it learned.`;
}
