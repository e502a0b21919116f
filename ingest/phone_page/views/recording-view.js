/** The start button, and the state of the recording. */

import { byId, write } from '../shared/elements.js';
import { duration } from '../shared/wording.js';

/** @type {Record<import('../sensing/screen-keeper.js').ScreenState, string>} */
const SCREEN = {
  off: '',
  on: ' The screen stays on.',
  absent: ' This browser cannot keep the screen on. Let it stay on in the phone’s settings.',
  rejected: ' The browser may turn the screen off. Touch it from time to time, or charge the phone.',
};
const SESSIONS = {
  start: '',
  clock: ' The clock was changed, and a new session began.',
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
    const { isRecording, account, sending } = this.#phone;
    const { isStarting } = this.#phone.recording;
    byId('recording').hidden = !account.isEnrolled || account.revokedReason !== '';
    const button = /** @type {HTMLButtonElement} */ (byId('start'));
    write(button, isRecording ? 'Stop' : isStarting ? 'Starting' : 'Start');
    button.disabled = isStarting || !sending;
    button.classList.toggle('stop', isRecording);
    byId('pocket-button').hidden = !isRecording;
    write('recording-text', this.#text());
  }

  #text() {
    const { isRecording, settings, clock } = this.#phone;
    const { isStarting, since, screen, sessionReason } = this.#phone.recording;
    if (isStarting) return 'If your browser asks, allow this page to use motion.';
    if (!isRecording) return settings.isPrivate ? 'Activities will be sent, but no readings.' : '';
    const mode = settings.isPrivate ? 'Recording in private mode' : 'Recording';
    const time = duration((clock.now() - since) / 1e6);
    return `${mode} for ${time}.${SCREEN[screen.state]}${SESSIONS[sessionReason]}`;
  }
}
