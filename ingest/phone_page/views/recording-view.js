/** The big button, and how the recording goes. */

import { byId, write } from './elements.js';
import { duration } from '../shared/wording.js';

/** @type {Record<import('../sensing/screen-keeper.js').ScreenState, string>} */
const SCREEN = {
  off: '',
  on: ' The screen stays on.',
  absent: ' This browser cannot keep the screen on: set it to stay on in the phone’s settings.',
  rejected: ' The browser lets the screen go off: touch it now and then, or charge the phone.',
};
const SESSIONS = {
  start: '',
  clock: ' The clock was set: a new session began.',
  pause: ' After a pause, a new session began.',
  switch: '',
};

export class RecordingView {
  #phone;

  /** @param {import('../phone.js').Phone} phone */
  constructor(phone) {
    this.#phone = phone;
    byId('start').addEventListener('click', () => {
      if (phone.isRecording) phone.stop();
      else phone.start();
    });
  }

  render() {
    const { isRecording, isStarting, account, sending } = this.#phone;
    byId('recording').hidden = !account.isEnrolled || account.turnedAway !== '';
    const button = /** @type {HTMLButtonElement} */ (byId('start'));
    write(button, isRecording ? 'Stop' : isStarting ? 'Starting' : 'Start');
    button.disabled = isStarting || !sending;
    button.classList.toggle('stop', isRecording);
    byId('pocket-button').hidden = !isRecording;
    write('recording-text', this.#text());
  }

  #text() {
    const { isRecording, isStarting, settings, since, clock, screen, sessionReason } = this.#phone;
    if (isStarting) return 'Your browser may ask whether this page may use motion: allow it.';
    if (!isRecording) return settings.isPrivate ? 'Activities will be sent, readings will not.' : '';
    const what = settings.isPrivate ? 'Recording in private' : 'Recording';
    const time = duration((clock.now() - since) / 1e6);
    return `${what} for ${time}.${SCREEN[screen.state]}${SESSIONS[sessionReason]}`;
  }
}
