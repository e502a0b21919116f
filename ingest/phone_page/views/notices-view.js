/** Shows notices: faults, and what the wearer can do about them. */

import { byId, part, write } from '../shared/elements.js';
import { counted, duration } from '../shared/wording.js';

/** A larger difference between the phone's clock and the gateway's is shown, µs. */
const MAX_CLOCK_OFFSET_US = 2_000_000;
/** A loss or a rejection is shown for this long, µs. */
const RECENT_LOSS_US = 5_000_000;

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
  /** @type {string} The fault of the wearer's last action; empty for none. */
  fault = '';

  /** @param {import('../phone.js').Phone | null} phone Null before the phone is opened. */
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
    const { account, sending, isRecording } = phone;
    const { motionFault } = phone.recording;
    /** @type {Notice[]} */
    const notices = [];
    if (!isSecureContext) {
      notices.push({ text: 'This page was not opened over HTTPS, so it cannot use the motion sensors.', severe: true });
    }
    if (account.revokedReason) {
      const reason = account.revokedReason.replace(/[^.!?]$/, '$&.');
      notices.push({ text: `${reason} Recording has stopped. Unsent readings stay on this phone.`, severe: true });
    }
    if (motionFault) notices.push({ text: motionFault.message, severe: motionFault.code !== 'quiet' });
    if (this.fault) notices.push({ text: this.fault, severe: true });
    if (!sending) return notices;
    if (sending.link.state === 'waiting' && sending.link.reason) notices.push({ text: sending.link.reason });
    const loss = phone.losses.entries.at(-1);
    if (isRecording && loss?.reason === 'full' && phone.clock.now() - loss.until < RECENT_LOSS_US) {
      notices.push({
        text: 'The outbox is full. New readings are lost until the gateway can be reached; older ones are kept.',
        severe: true,
      });
    }
    const rejection = sending.rejections.at(-1);
    if (isRecording && rejection && (Date.now() - rejection.at) * 1_000 < RECENT_LOSS_US) {
      notices.push({
        text: 'The gateway rejects what this phone sends. It is lost. The list under “Sending” says why.',
        severe: true,
      });
    }
    if (sending.clockOffset !== null && Math.abs(sending.clockOffset) > MAX_CLOCK_OFFSET_US) {
      const direction = sending.clockOffset > 0 ? 'behind' : 'ahead of';
      const offset = duration(Math.round(Math.abs(sending.clockOffset) / 1e6));
      notices.push({
        text: `This phone’s clock is ${offset} ${direction} the gateway’s. Turn on automatic time in its settings.`,
      });
    }
    for (const outbox of [sending.samples, sending.activities]) {
      for (const [device, count] of outbox.countsByFormerName()) {
        notices.push({
          text: `${counted(count, 'message')} recorded as ${device} cannot be sent as ${account.device}.`,
          action: {
            title: 'Delete',
            run: () => confirm(`Delete the unsent messages recorded as ${device}?`) && outbox.deleteOfFormerNames(),
          },
        });
      }
    }
    return notices;
  }
}

/** Show one notice before the phone is opened. @param {string} text */
export function showNotice(text) {
  const notices = byId('notices');
  const element = notices.querySelector('.notice') ?? notices.appendChild(part('div', 'notice', ''));
  write(element, text);
}
