/** The phone as a device: connects the recording, the outboxes, the labels and the classification. */

import { PredictionComparison } from './classification/prediction-comparison.js';
import { EventClock } from './sensing/event-clock.js';
import { LabelActivities } from './sending/label-activities.js';
import { LabelJournal } from './sending/label-journal.js';
import { LossLog } from './sending/loss-log.js';
import { isReversedPlatform, checkSignsFlat } from './sensing/motion-frame.js';
import { outboxCapacity, requestPersistence } from './sending/outbox-capacity.js';
import { PhoneClassification } from './classification/phone-classification.js';
import { Recording } from './sensing/recording.js';
import { Sending } from './sending/sending.js';
import { Teaching } from './classification/teaching.js';
import { NamedValues } from './sending/database.js';

/**
 * @typedef {object} Settings The wearer's choices; stored in IndexedDB.
 * @property {boolean} isPrivate Whether the phone sends activities instead of readings.
 * @property {boolean} classifies Whether the phone classifies.
 * @property {boolean | null} reversed Whether the sensor's signs are reversed; null for the platform's default.
 *
 * @typedef {object} PhoneParts
 * @property {import('./sending/database.js').Database} database
 * @property {import('./configuration.js').Configuration} configuration
 * @property {import('./sending/device-account.js').DeviceAccount} account
 * @property {URL} gateway The gateway's `/v1/`.
 */

export class Phone extends EventTarget {
  #parts;
  #values;
  /** The activity whose label continues in the next session; empty for none. */
  #continuedActivity = '';
  /** The release of the server's last prediction; empty before the first. */
  #release = '';
  predictions = new PredictionComparison();
  isPersistent = false;
  /** Why the last classification failed, as text for the wearer; empty without a fault. */
  classificationFault = '';
  /** @type {Sending | null} Null while the phone has no name. */
  sending = null;
  /** @type {PhoneClassification | null} Null while the phone has no name. */
  classification = null;
  /** @type {Teaching | null} Null while the phone has no name. */
  teaching = null;

  /** @param {PhoneParts} parts */
  static async open(parts) {
    const { database, account, gateway } = parts;
    const values = new NamedValues(database);
    const losses = await LossLog.open(values);
    const url = new URL('labels', gateway).href;
    const clock = new EventClock();
    const labels = await LabelJournal.open(database, account, url, () => clock.now());
    const activities = await LabelActivities.open(values, account, `${url}/activities`, parts.configuration.activities);
    /** @type {Settings} */
    const defaults = { isPrivate: false, classifies: false, reversed: null };
    const phone = new Phone(parts, values, clock, losses, { labels, activities }, { ...defaults, ...(await values.get('settings')) });
    await phone.#openDevice();
    account.addEventListener('change', () => phone.#accountChanged());
    return phone;
  }

  /**
   * @param {PhoneParts} parts
   * @param {NamedValues} values
   * @param {EventClock} clock
   * @param {LossLog} losses
   * @param {{labels: LabelJournal, activities: LabelActivities}} labelling
   * @param {Settings} settings
   */
  constructor(parts, values, clock, losses, { labels, activities }, settings) {
    super();
    this.#parts = parts;
    this.#values = values;
    this.clock = clock;
    this.losses = losses;
    this.labels = labels;
    this.labelActivities = activities;
    this.settings = settings;
    this.account = parts.account;
    this.configuration = parts.configuration;
    labels.addEventListener('change', () => this.teaching?.correct());
    for (const source of [labels, activities]) source.addEventListener('change', () => this.#changed());
    labels.addEventListener('understood', (event) => {
      const { word, name } = /** @type {CustomEvent} */ (event).detail;
      activities.rename(word, name);
    });
    this.recording = new Recording(clock, {
      isReversed: () => this.isReversed,
      onSession: (_, reason) => this.#sessionStarted(reason),
      onBatch: (session, columns) => this.#processBatch(session, columns),
      onEnd: (_, until) => this.#sessionEnded(until),
      onChange: () => this.#changed(),
    });
  }

  get isRecording() {
    return this.recording.isOn;
  }

  get session() {
    return this.recording.session;
  }

  get isReversed() {
    return this.settings.reversed ?? isReversedPlatform(navigator);
  }

  /** Start recording. Must be called in the handler of a tap. */
  async start() {
    if (!this.sending || !(await this.recording.start(this.configuration.batch_milliseconds))) return;
    this.isPersistent = await requestPersistence();
    this.#changed();
  }

  stop() {
    this.recording.stop();
    this.#continuedActivity = '';
  }

  /** Start a label. @param {string} activity What the wearer does from now on. */
  label(activity) {
    if (this.session === '') return Promise.resolve();
    this.labelActivities.add(activity);
    return this.labels.start(this.session, activity, this.clock.now());
  }

  /** Correct a listed label. @param {import('./sending/label-journal.js').Label} label @param {string} activity */
  correctLabel(label, activity) {
    this.labelActivities.add(activity);
    return this.labels.correct(label, activity);
  }

  stopLabel() {
    return this.labels.stop(this.clock.now());
  }

  undoLabel() {
    return this.labels.undo(this.session);
  }

  /**
   * Switch the phone's classification on or off. In private mode it stays on.
   *
   * @param {boolean} classifies
   */
  async setClassifies(classifies) {
    if (!this.settings.isPrivate) await this.#set({ classifies });
  }

  /**
   * Switch private mode on or off. It is not switched on if the phone cannot load a release.
   *
   * @param {boolean} isPrivate
   */
  async setPrivate(isPrivate) {
    if (isPrivate) {
      await this.setClassifies(true);
      if (!this.classification?.isReady) return;
    }
    await this.#set({ isPrivate });
  }

  /**
   * Check the sensor's signs on a phone that lies flat with its screen up, and correct them if they are reversed.
   *
   * @returns {Promise<import('./sensing/motion-frame.js').SignCheck>}
   */
  async checkSigns() {
    const result = checkSignsFlat(this.recording.trace.lastSecond(this.clock.now()));
    if (result === 'reversed') {
      const corrected = { ...this.settings, reversed: !this.isReversed };
      // One session must not have readings with both signs.
      this.recording.changeBetweenSessions(() => {
        this.settings = corrected;
        this.recording.trace.clear();
      });
      await this.#values.set('settings', corrected);
    }
    this.#changed();
    return result;
  }

  /** @param {Partial<Settings>} changes */
  async #set(changes) {
    const before = this.settings;
    // Store it first: what is shown as private must also be private after a reload.
    await this.#values.set('settings', { ...before, ...changes });
    const apply = () => {
      this.settings = { ...before, ...changes };
    };
    // Either the server or the phone classifies a session, so a change begins a new one.
    const changesMode = changes.isPrivate !== undefined && changes.isPrivate !== before.isPrivate;
    if (changesMode) this.recording.changeBetweenSessions(apply);
    else apply();
    await this.#applySettings();
  }

  async #applySettings() {
    if (!this.account.revokedReason) this.sending?.start(this.settings.isPrivate);
    if (this.settings.classifies) {
      await this.classification?.start();
    } else {
      this.classification?.stop();
      this.predictions.forgetPhone();
    }
    this.#changed();
  }

  /** Start sending and classification under the account's name. */
  async #openDevice() {
    this.sending?.stop();
    this.classification?.stop();
    this.sending = null;
    this.classification = null;
    this.teaching = null;
    this.#changed();
    if (!this.account.device) return;
    const { database, account, gateway, configuration } = this.#parts;
    const { limit, persistent } = await outboxCapacity(configuration.batch_milliseconds);
    this.isPersistent = persistent;
    const onChange = () => this.#changed();
    /** @type {import('./sending/sending.js').SendingParts['onPrediction']} */
    const onPrediction = (prediction, kindTitle) => this.#addServerPrediction({ ...prediction, kindTitle });
    const { clock, losses, labels } = this;
    this.sending = await Sending.open({ database, account, gateway, limit, clock, losses, onChange, onPrediction });
    const collects = () => this.settings.isPrivate;
    this.teaching = await Teaching.open({ database, values: this.#values, device: account.device, labels, collects, onChange });
    this.classification = new PhoneClassification(account.device, this.#values, onChange, this.teaching);
    this.labels.send();
    this.labelActivities.refresh();
    // Not awaited: loading a release may take long, and the outbox must be sent meanwhile.
    this.#applySettings();
  }

  async #accountChanged() {
    if (this.account.revokedReason || !this.account.isEnrolled) {
      this.stop();
      this.sending?.stop();
    } else if (this.account.device !== this.sending?.device) {
      this.stop();
      await this.#openDevice();
    } else {
      this.sending.start(this.settings.isPrivate);
      this.labels.send();
    }
    this.#changed();
  }

  /** @param {string} session @param {import('./sensing/recorder.js').Columns} columns */
  #processBatch(session, columns) {
    const { isPrivate, classifies } = this.settings;
    if (!isPrivate) this.sending?.addReadings(session, columns);
    if (classifies) this.#classify(session, columns, isPrivate);
  }

  /** @param {string} session @param {import('./sensing/recorder.js').Columns} columns @param {boolean} isPrivate */
  async #classify(session, columns, isPrivate) {
    try {
      const predictions = (await this.classification?.add(session, columns)) ?? [];
      if (predictions.length === 0) return;
      this.classificationFault = '';
      const upright = this.classification?.upright ?? null;
      for (const prediction of predictions) this.predictions.addPhone({ session, ...prediction }, upright);
      if (isPrivate) await this.sending?.addActivities(session, predictions);
    } catch (error) {
      console.error('classification on the phone failed', error);
      this.classificationFault = `Classification on this phone failed: ${/** @type {Error} */ (error).message}`;
    }
    this.#changed();
  }

  /** @param {any} prediction */
  #addServerPrediction(prediction) {
    if (prediction.release !== this.#release) this.labelActivities.refresh();
    this.#release = prediction.release;
    this.predictions.addServer(prediction, this.clock.now());
    this.#changed();
  }

  /** @param {import('./sensing/recorder.js').SessionReason} reason */
  #sessionStarted(reason) {
    // The label continues after a clock change or a switch of mode, but not after a pause of a minute.
    const continues = reason === 'clock' || reason === 'switch';
    if (this.#continuedActivity && continues) this.label(this.#continuedActivity);
    this.#continuedActivity = '';
    this.#changed();
  }

  /** @param {number} until Event time of its last reading, µs. */
  #sessionEnded(until) {
    this.#continuedActivity = this.labels.active?.activity ?? '';
    this.labels.stop(until);
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}
