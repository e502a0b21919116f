/** What is wrong, in words, and what can be done. */

import { byId, part, write } from './elements.js';
import { counted, duration } from '../shared/wording.js';

/** A phone's clock that is off by more is worth saying, µs. */
const CLOCK_OFF_US = 2_000_000;
/** What was lost since is lost now, µs. */
const PRESENT_US = 5_000_000;

/**
 * @typedef {object} Notice
 * @property {string} text
 * @property {boolean} [severe]
 * @property {{title: string, run: () => unknown}} [action]
 */

export class NoticesView {
  #phone;
  /** @type {Map<string, HTMLElement>} By text. */
  #shown = new Map();
  /** @type {string} What just went wrong. */
  fault = '';

  /** @param {import('../phone.js').Phone | null} phone null while the page does nothing yet. */
  constructor(phone) {
    this.#phone = phone;
  }

  render() {
    this.show(this.#phone ? this.#notices(this.#phone) : []);
  }

  /** @param {Notice[]} notices */
  show(notices) {
    const texts = new Set(notices.map(({ text }) => text));
    for (const [text, element] of this.#shown) {
      if (texts.has(text)) continue;
      element.remove();
      this.#shown.delete(text);
    }
    for (const notice of notices) {
      if (!this.#shown.has(notice.text)) this.#add(notice);
    }
  }

  /** @param {Notice} notice */
  #add({ text, severe, action }) {
    const element = part('div', severe ? 'notice severe' : 'notice', '');
    element.append(part('p', '', text));
    if (action) {
      const button = /** @type {HTMLButtonElement} */ (part('button', 'small', action.title));
      button.type = 'button';
      button.addEventListener('click', action.run);
      element.append(button);
    }
    this.#shown.set(text, element);
    byId('notices').append(element);
  }

  /** @param {import('../phone.js').Phone} phone @returns {Notice[]} */
  #notices(phone) {
    const { account, sending, motionFault, isRecording } = phone;
    /** @type {Notice[]} */
    const notices = [];
    if (!isSecureContext)
      {notices.push({ text: 'This page is not secure (no HTTPS): browsers give it no motion.', severe: true });}
    if (account.turnedAway) {
      const why = account.turnedAway.replace(/[^.!?]$/, '$&.');
      notices.push({ text: `${why} Recording has stopped; what waits is kept.`, severe: true });
    }
    if (motionFault) notices.push({ text: motionFault.message, severe: motionFault.code !== 'quiet' });
    if (this.fault) notices.push({ text: this.fault, severe: true });
    if (!sending) return notices;
    if (sending.link.state === 'waiting' && sending.link.reason) notices.push({ text: sending.link.reason });
    const loss = phone.losses.entries.at(-1);
    if (isRecording && loss?.reason === 'full' && phone.clock.now() - loss.until < PRESENT_US) {
      notices.push({
        text: 'The outbox is full: new readings are lost until the gateway is reached. What was first is kept.',
        severe: true,
      });
    }
    if (sending.clockOffset !== null && Math.abs(sending.clockOffset) > CLOCK_OFF_US) {
      const way = sending.clockOffset > 0 ? 'behind' : 'ahead of';
      const off = duration(Math.round(Math.abs(sending.clockOffset) / 1e6));
      notices.push({ text: `This phone’s clock is ${off} ${way} the gateway’s. Have it set by the network.` });
    }
    for (const outbox of [sending.samples, sending.activities]) {
      for (const [device, count] of outbox.foreign()) {
        notices.push({
          text: `${counted(count, 'message')} recorded as ${device} wait, and are not sent as ${account.device}.`,
          action: {
            title: 'Delete them',
            run: () => confirm(`Delete what was recorded as ${device} and never sent?`) && outbox.clearForeign(),
          },
        });
      }
    }
    return notices;
  }
}

/** @param {string} text Shown at once, before there is a phone. */
export function tell(text) {
  const notices = byId('notices');
  const element = notices.querySelector('.notice') ?? notices.appendChild(part('div', 'notice', ''));
  write(element, text);
}
