/** The phone as a device: readings from the sensor become sessions, and go where the wearer wants them. */

import { AnswerComparison } from './classification/answer-comparison.js';
import { EventClock } from './sensing/event-clock.js';
import { LabelJournal } from './sending/label-journal.js';
import { LossLog } from './sending/loss-log.js';
import { isReversedPlatform, judgeFlat } from './sensing/motion-frame.js';
import { MotionSensor } from './sensing/motion-sensor.js';
import { askToPersist, outboxRoom } from './sending/outbox-room.js';
import { PhoneClassification } from './classification/phone-classification.js';
import { Recorder } from './sensing/recorder.js';
import { ScreenKeeper } from './sensing/screen-keeper.js';
import { Sending } from './sending/sending.js';
import { TraceBuffer } from './sensing/trace-buffer.js';
import { NamedValues } from './sending/database.js';

/**
 * @typedef {object} Settings What the wearer has chosen; kept.
 * @property {boolean} isPrivate Activities are sent, never readings.
 * @property {boolean} classifies Whether the phone classifies, too.
 * @property {boolean | null} reversed Whether signs are reversed; null: as the platform says.
 *
 * @typedef {object} PhoneParts
 * @property {import('./sending/database.js').Database} database
 * @property {import('./configuration.js').Configuration} configuration
 * @property {import('./sending/device-account.js').DeviceAccount} account
 * @property {URL} gateway
 */

export class Phone extends EventTarget {
  #parts;
  #values;
  #sensor;
  #recorder;
  #carried = '';
  trace = new TraceBuffer();
  answers = new AnswerComparison();
  isRecording = false;
  isStarting = false;
  isPersistent = false;
  /** Event time of the present recording's begin, µs. */
  since = 0;
  /** @type {import('./sensing/motion-sensor.js').MotionFault | null} */
  motionFault = null;
  /** @type {import('./sensing/recorder.js').SessionReason} Why the present session began. */
  sessionReason = 'start';
  /** @type {((session: string, time: number, x: number, y: number, z: number) => void) | null} For tests. */
  onReading = null;
  /** Why the phone's own classification failed, for the wearer. */
  classificationFault = '';
  /** @type {Sending | null} null while the phone has no name. */
  sending = null;
  /** @type {PhoneClassification | null} */
  classification = null;

  /** @param {PhoneParts} parts */
  static async open(parts) {
    const { database, account, gateway } = parts;
    const values = new NamedValues(database);
    const losses = await LossLog.open(values);
    const url = new URL('labels', gateway).href;
    const clock = new EventClock();
    const labels = await LabelJournal.open(database, account, url, () => clock.now());
    /** @type {Settings} */
    const defaults = { isPrivate: false, classifies: false, reversed: null };
    const phone = new Phone(parts, values, clock, losses, labels, { ...defaults, ...(await values.get('settings')) });
    await phone.#becomeDevice();
    account.addEventListener('change', () => phone.#accountChanged());
    return phone;
  }

  /**
   * @param {PhoneParts} parts
   * @param {NamedValues} values
   * @param {EventClock} clock
   * @param {LossLog} losses
   * @param {LabelJournal} labels
   * @param {Settings} settings
   */
  constructor(parts, values, clock, losses, labels, settings) {
    super();
    this.#parts = parts;
    this.#values = values;
    this.clock = clock;
    this.losses = losses;
    this.labels = labels;
    this.settings = settings;
    this.account = parts.account;
    this.configuration = parts.configuration;
    this.screen = new ScreenKeeper(() => this.#changed());
    labels.addEventListener('change', () => this.#changed());
    this.#sensor = new MotionSensor({
      onReading: (timeStamp, x, y, z) => this.#take(timeStamp, x, y, z),
      onState: (fault) => {
        this.motionFault = fault;
        this.#changed();
      },
    });
    this.#recorder = new Recorder(clock, {
      onSession: (session, reason) => this.#sessionBegins(session, reason),
      onBatch: (session, columns) => this.#keep(session, columns),
      onEnd: (session, until) => this.#sessionEnds(until),
    });
    // What is gathered is written down before the browser may stop the page.
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) this.#recorder.flush();
    });
    addEventListener('pagehide', () => this.#recorder.flush());
  }

  get session() {
    return this.#recorder.session;
  }

  /** Readings that no accelerometer gives. */
  get impossible() {
    return this.#recorder.impossible;
  }

  get isReversed() {
    return this.settings.reversed ?? isReversedPlatform(navigator);
  }

  /** Begin to record; in the handler of a tap. */
  async start() {
    if (this.isRecording || this.isStarting || !this.sending) return;
    this.isStarting = true;
    this.motionFault = null;
    this.#changed();
    try {
      await this.#sensor.start();
      this.isRecording = true;
      this.since = this.clock.now();
      this.trace.clear();
      this.#recorder.start(this.configuration.batch_milliseconds);
    } catch (error) {
      this.motionFault = /** @type {import('./sensing/motion-sensor.js').MotionFault} */ (error);
    } finally {
      this.isStarting = false;
    }
    this.#changed();
    if (!this.isRecording) return;
    await this.screen.keepOn();
    this.isPersistent = await askToPersist();
    this.#changed();
  }

  stop() {
    if (!this.isRecording) return;
    this.#sensor.stop();
    this.#recorder.stop();
    this.#carried = '';
    this.isRecording = false;
    this.motionFault = null;
    this.screen.letGo();
    this.#changed();
  }

  /** @param {string} activity A label: this is what the wearer does now. */
  label(activity) {
    if (this.session === '') return Promise.resolve();
    return this.labels.start(this.session, activity, this.clock.now());
  }

  stopLabel() {
    return this.labels.stop(this.clock.now());
  }

  undoLabel() {
    return this.labels.undo(this.session);
  }

  /**
   * Have the phone classify, or not; in private mode it must.
   *
   * @param {boolean} classifies
   */
  async setClassifies(classifies) {
    if (!this.settings.isPrivate) await this.#set({ classifies });
  }

  /**
   * Send activities only, or readings. Without a release on the phone, it stays as it is.
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
   * Look at a phone that lies flat with its screen up, and mend the signs if they are reversed.
   *
   * @returns {Promise<import('./sensing/motion-frame.js').Verdict>}
   */
  async checkSigns() {
    const verdict = judgeFlat(this.trace.lastSecond(this.clock.now()));
    if (verdict === 'reversed') {
      const mended = { ...this.settings, reversed: !this.isReversed };
      // Readings of both kinds must not be in one session.
      this.#recorder.renewWith(() => {
        this.settings = mended;
        this.trace.clear();
      });
      await this.#values.set('settings', mended);
    }
    this.#changed();
    return verdict;
  }

  /** @param {Partial<Settings>} changes */
  async #set(changes) {
    const before = this.settings;
    // Kept first: what is shown as private must be private after a reload, too.
    await this.#values.set('settings', { ...before, ...changes });
    const apply = () => {
      this.settings = { ...before, ...changes };
    };
    // Who classifies a session is one of the two: another one begins.
    if (changes.isPrivate !== undefined && changes.isPrivate !== before.isPrivate) this.#recorder.renewWith(apply);
    else apply();
    await this.#applySettings();
  }

  async #applySettings() {
    if (!this.account.turnedAway) this.sending?.start(this.settings.isPrivate);
    if (this.settings.classifies) {
      await this.classification?.start();
    } else {
      this.classification?.stop();
      this.answers.forgetPhone();
    }
    this.#changed();
  }

  async #becomeDevice() {
    this.sending?.stop();
    this.classification?.stop();
    this.sending = null;
    this.classification = null;
    this.#changed();
    if (!this.account.device) return;
    const { database, account, gateway, configuration } = this.#parts;
    const { limit, persistent } = await outboxRoom(configuration.batch_milliseconds);
    this.isPersistent = persistent;
    const onChange = () => this.#changed();
    this.sending = await Sending.open({
      database,
      account,
      gateway,
      limit,
      clock: this.clock,
      losses: this.losses,
      onChange,
      onAnswer: (prediction) => this.#hearServer(prediction),
    });
    this.classification = new PhoneClassification(account.device, new NamedValues(database), onChange);
    this.labels.send();
    // Pulling a release may take long, and what waits must not wait for it.
    this.#applySettings();
  }

  async #accountChanged() {
    if (this.account.turnedAway || !this.account.isEnrolled) {
      this.stop();
      this.sending?.stop();
    } else if (this.account.device !== this.sending?.device) {
      this.stop();
      await this.#becomeDevice();
    } else {
      this.sending.start(this.settings.isPrivate);
      this.labels.send();
    }
    this.#changed();
  }

  /** @param {number} timeStamp ms @param {number} x With the browser's signs. @param {number} y @param {number} z */
  #take(timeStamp, x, y, z) {
    const sign = this.isReversed ? -1 : 1;
    const time = this.#recorder.take(timeStamp, sign * x, sign * y, sign * z);
    if (time === null) return;
    this.trace.add(time, sign * x, sign * y, sign * z);
    this.onReading?.(this.session, time, sign * x, sign * y, sign * z);
  }

  /** @param {string} session @param {import('./sensing/recorder.js').Columns} columns */
  #keep(session, columns) {
    const { isPrivate, classifies } = this.settings;
    if (!isPrivate) this.sending?.keepReadings(session, columns);
    if (classifies) this.#classify(session, columns, isPrivate);
  }

  /** @param {string} session @param {import('./sensing/recorder.js').Columns} columns @param {boolean} isPrivate */
  async #classify(session, columns, isPrivate) {
    try {
      const answers = (await this.classification?.add(session, columns)) ?? [];
      if (answers.length === 0) return;
      this.classificationFault = '';
      for (const answer of answers) this.answers.addPhone({ session, ...answer });
      if (isPrivate) await this.sending?.keepActivities(session, answers);
    } catch (error) {
      console.error('the phone could not classify', error);
      this.classificationFault = `The phone could not classify: ${/** @type {Error} */ (error).message}`;
    }
    this.#changed();
  }

  /** @param {any} prediction */
  #hearServer(prediction) {
    this.answers.addServer(prediction, this.clock.now());
    this.#changed();
  }

  /** @param {string} session @param {import('./sensing/recorder.js').SessionReason} reason */
  #sessionBegins(session, reason) {
    this.sessionReason = reason;
    // What the wearer does goes on over a clock that was set, but not over a minute in which nothing was seen.
    if (this.#carried && (reason === 'clock' || reason === 'switch')) this.label(this.#carried);
    this.#carried = '';
    this.#changed();
  }

  /** @param {number} until µs */
  #sessionEnds(until) {
    this.#carried = this.labels.active?.activity ?? '';
    this.labels.stop(until);
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}
