/** What the server and the phone think, side by side. */

import { byId, write } from './elements.js';
import { duration, latency, percent } from '../shared/wording.js';

/** An answer that is older is no answer about now, µs. */
const OLD_US = 15_000_000;
/** Screen readers are told of another activity no more often than this, ms. */
const SPOKEN_MS = 8_000;

export class AnswersView {
  #phone;
  #spoken = '';

  /** @param {import('../phone.js').Phone} phone */
  constructor(phone) {
    this.#phone = phone;
    setInterval(() => this.#speak(), SPOKEN_MS);
  }

  render() {
    const { answers, isRecording, settings } = this.#phone;
    byId('answers').hidden = !isRecording && !answers.server && !answers.phone;
    if (settings.isPrivate) show('server-answer', null, 'Private', '', 'It is told activities, never readings.');
    else show('server-answer', this.#fresh(answers.server), ...this.#server());
    show('phone-answer', this.#fresh(answers.phone), ...this.#local());
    this.#colour('server-answer', settings.isPrivate ? null : this.#fresh(answers.server));
    this.#colour('phone-answer', this.#fresh(answers.phone));
    write('agreement', this.#agreement());
  }

  /** @param {import('../classification/answer-comparison.js').Answer | null} answer */
  #fresh(answer) {
    return answer && this.#phone.isRecording && this.#phone.clock.now() - answer.end < OLD_US ? answer : null;
  }

  /** @returns {[string, string, string]} */
  #server() {
    const { server, serverLatency } = this.#phone.answers;
    if (!server) return ['–', '', 'No answer yet: it needs 4 s of readings, and a server that is reached.'];
    const age = (this.#phone.clock.now() - server.end) / 1e6;
    const late = serverLatency === null ? '' : `, ${latency(Math.max(serverLatency, 0) / 1000)} after the window`;
    const detail = age * 1e6 < OLD_US ? `${server.release}${late}` : `${server.release}, ${duration(age)} ago`;
    return [this.#title(server.activity), percent(server.confidence), detail];
  }

  /** @returns {[string, string, string]} */
  #local() {
    const { settings, classification, classificationFault, answers, configuration } = this.#phone;
    if (!settings.classifies) {
      return ['Off', '', configuration.store ? 'Switch it on in the settings.' : 'This gateway offers no releases.'];
    }
    if (classification?.isLoading && !classification.isReady)
      {return ['Loading', '', 'The release is fetched and verified.'];}
    const fault = classificationFault || classification?.fault || '';
    if (!classification?.release) return ['No release', '', fault];
    const { name, channel } = classification.release;
    const cost = classification.milliseconds === null ? '' : `, ${latency(classification.milliseconds)} a window`;
    const trouble = fault ? `. ${fault}` : '';
    const detail = `${name} (${channel}), signatures and golden window verified here${cost}${trouble}`;
    if (!answers.phone) return ['–', '', detail];
    return [this.#title(answers.phone.activity), percent(answers.phone.confidence), detail];
  }

  #speak() {
    const { answers, settings } = this.#phone;
    const answer = this.#fresh(settings.isPrivate ? answers.phone : answers.server);
    if (!answer || answer.activity === this.#spoken) return;
    this.#spoken = answer.activity;
    write('announcer', this.#title(answer.activity));
  }

  #agreement() {
    const { compared, agreeing, sameRelease } = this.#phone.answers;
    if (compared === 0) return '';
    const releases = sameRelease ? '' : ' They run different releases.';
    return `Both agree on ${agreeing} of ${compared} windows.${releases}`;
  }

  /** @param {string} activity @returns {string} */
  #title(activity) {
    return this.#phone.configuration.activities.find(({ name }) => name === activity)?.title ?? activity;
  }

  /** @param {string} id @param {import('../classification/answer-comparison.js').Answer | null} answer */
  #colour(id, answer) {
    const activity = this.#phone.configuration.activities.find(({ name }) => name === answer?.activity);
    byId(id).style.setProperty('--activity', activity?.colour ?? 'var(--line)');
  }
}

/**
 * @param {string} id
 * @param {import('../classification/answer-comparison.js').Answer | null} fresh
 * @param {string} activity
 * @param {string} confidence
 * @param {string} detail
 */
function show(id, fresh, activity, confidence, detail) {
  const element = byId(id);
  element.classList.toggle('old', fresh === null);
  write(element.querySelector('.activity'), activity);
  write(element.querySelector('.confidence'), confidence);
  write(element.querySelector('.detail'), detail);
}
