/** Shows the predictions of the server and of the phone, side by side. */

import { leastProgress } from '../classification/upright-progress.js';
import { byId, write, writeActivity } from '../shared/elements.js';
import { adviceOn, explain, sentence } from '../shared/signal-reasons.js';
import { uprightFigures, wearersWords } from '../shared/upright-words.js';
import { duration, latency, percent, withKind } from '../shared/wording.js';

/** A prediction for an older window is not shown as the current one, µs. */
const OLD_US = 15_000_000;
/** Shortest time between two announcements to screen readers, ms. */
const ANNOUNCE_MS = 8_000;
/** At fewer readings per second, pauses may be so long that no window exists, and so no prediction. */
const LOWEST_RATE = 2;
/** A recording shorter than this, µs, has no rate yet. */
const BEGINNING_US = 5_000_000;
const PERSONAL_WORDS = 'Personal: corrected by what you labelled.';

/**
 * @typedef {import('../classification/prediction-comparison.js').Prediction} Prediction
 *
 * @typedef {object} Texts
 * @property {string} activity
 * @property {string} [kind] The kind of background, in words; empty if none is shown.
 * @property {string} [confidence]
 * @property {string} [reason] Why the readings tell too little; empty if they tell enough.
 * @property {string} detail
 */

export class PredictionsView {
  #phone;
  /** What was announced last. */
  #announced = '';

  /** @param {import('../phone.js').Phone} phone */
  constructor(phone) {
    this.#phone = phone;
    setInterval(() => this.#announce(), ANNOUNCE_MS);
  }

  render() {
    const { predictions, isRecording, settings } = this.#phone;
    byId('predictions').hidden = !isRecording && !predictions.server && !predictions.phone;
    const server = settings.isPrivate ? null : this.#current(predictions.server);
    const phone = this.#current(predictions.phone);
    show('server-prediction', server, this.#serverTexts());
    show('phone-prediction', phone, this.#phoneTexts());
    this.#colour('server-prediction', server);
    this.#colour('phone-prediction', phone);
    write('signal-advice', this.#advice(server, phone));
    showUpright(leastProgress([server && predictions.serverUpright.progress, phone && predictions.phoneUpright.progress]));
    write('agreement', this.#agreement());
  }

  /** @param {Prediction | null} prediction @returns {Prediction | null} Null if it is old, or nothing is recorded. */
  #current(prediction) {
    const { isRecording, clock } = this.#phone;
    return prediction && isRecording && clock.now() - prediction.end < OLD_US ? prediction : null;
  }

  /** @returns {Texts} */
  #serverTexts() {
    const { settings, predictions, clock } = this.#phone;
    if (settings.isPrivate) return { activity: 'Private', detail: 'The server receives activities, but no readings.' };
    const { server, serverLatency } = predictions;
    if (!server) return { activity: '–', detail: 'No prediction yet. It needs 4 s of readings and a connection.' };
    const age = (clock.now() - server.end) / 1e6;
    const delay = serverLatency === null ? '' : `, ${latency(Math.max(serverLatency, 0) / 1000)} after the window`;
    const detail = age * 1e6 < OLD_US ? `${server.release}${delay}` : `${server.release}, ${duration(age)} ago`;
    return this.#predictionTexts(server, detail);
  }

  /** @returns {Texts} */
  #phoneTexts() {
    const { settings, classification, classificationFault, predictions, configuration, clock } = this.#phone;
    if (!settings.classifies) {
      const detail = configuration.store ? 'Switch it on in the settings.' : 'This gateway offers no releases.';
      return { activity: 'Off', detail };
    }
    if (classification?.isLoading && !classification.isReady) {
      return { activity: 'Loading', detail: 'Fetching and verifying the release.' };
    }
    const fault = classificationFault || classification?.fault || '';
    if (!classification?.release) return { activity: 'No release', detail: fault };
    const { name, channel } = classification.release;
    const time = classification.milliseconds === null ? '' : `, ${latency(classification.milliseconds)} per window`;
    const age = predictions.phone ? (clock.now() - predictions.phone.end) / 1e6 : 0;
    const old = age * 1e6 < OLD_US ? '' : `${duration(age)} ago, `;
    const detail = `${old}${name} (${channel}), signatures and golden window verified here${time}${fault && `. ${fault}`}`;
    if (!predictions.phone) return { activity: '–', detail };
    return this.#predictionTexts(this.#withKindTitle(predictions.phone), detail);
  }

  /** @param {Prediction} prediction The phone's own. @returns {Prediction} With the title that its release has. */
  #withKindTitle(prediction) {
    const { kind } = prediction;
    return kind ? { ...prediction, kindTitle: this.#phone.classification?.kindTitle(kind) ?? kind } : prediction;
  }

  /** @param {Prediction} prediction @param {string} detail @returns {Texts} */
  #predictionTexts({ activity, confidence, reason, kind, kindTitle }, detail) {
    const title = this.#title(activity);
    if (reason) return { activity: title, reason: sentence(explain(reason)), detail };
    // Of no activity, the confidence tells a wearer nothing.
    return activity === 'unknown'
      ? { activity: title, kind: kindTitle ?? kind ?? '', detail }
      : { activity: title, confidence: percent(confidence), detail };
  }

  /**
   * @param {Prediction | null} server
   * @param {Prediction | null} phone
   * @returns {string} What the wearer can do if the readings tell too little, or are too few for any prediction.
   */
  #advice(server, phone) {
    const { isRecording, recording, clock } = this.#phone;
    const now = clock.now();
    const hasRate = isRecording && !recording.motionFault && now - recording.since > BEGINNING_US;
    if (hasRate && recording.trace.rate(now) < LOWEST_RATE) return `${sentence(explain('sparse'))} ${adviceOn('sparse')}`;
    const reasons = [server?.reason, phone?.reason].filter((reason) => typeof reason === 'string');
    return [...new Set(reasons.map(adviceOn))].join(' ').trim();
  }

  #announce() {
    const { predictions, settings } = this.#phone;
    const prediction = this.#current(settings.isPrivate ? predictions.phone : predictions.server);
    if (!prediction) return;
    const { kind, kindTitle } = settings.isPrivate ? this.#withKindTitle(prediction) : prediction;
    const title = withKind(this.#title(prediction.activity), kindTitle ?? kind);
    const text = prediction.reason ? `${title}: ${explain(prediction.reason)}` : title;
    if (text === this.#announced) return;
    this.#announced = text;
    write('announcer', text);
  }

  #agreement() {
    const { compared, agreeing, sameRelease } = this.#phone.predictions;
    if (compared === 0) return '';
    const releases = sameRelease ? '' : ' They run different releases.';
    return `Both agree on ${agreeing} of ${compared} windows.${releases}`;
  }

  /** @param {string} activity @returns {string} */
  #title(activity) {
    if (activity === 'unknown') return 'Unknown'; // it is no label, so the configuration does not name it
    return this.#phone.configuration.activities.find(({ name }) => name === activity)?.title ?? activity;
  }

  /** @param {string} id @param {Prediction | null} prediction */
  #colour(id, prediction) {
    const activity = this.#phone.configuration.activities.find(({ name }) => name === prediction?.activity);
    byId(id).style.setProperty('--activity', activity?.colour ?? 'var(--line)');
  }
}

/**
 * @param {string} id
 * @param {Prediction | null} current
 * @param {Texts} texts
 */
function show(id, current, { activity, kind = '', confidence = '', reason = '', detail }) {
  const element = byId(id);
  element.classList.toggle('old', current === null);
  writeActivity(element.querySelector('.activity'), activity, kind);
  write(element.querySelector('.confidence'), confidence);
  write(element.querySelector('.reason'), reason);
  write(element.querySelector('.personal'), current?.personal ? PERSONAL_WORDS : '');
  write(element.querySelector('.detail'), detail);
}

/** @param {import('../shared/upright-words.js').UprightProgress | null} progress Null shows nothing. */
function showUpright(progress) {
  byId('upright').dataset.state = progress?.state ?? '';
  write('upright-words', wearersWords(progress)); // announced; it changes rarely
  write('upright-figures', uprightFigures(progress));
}
