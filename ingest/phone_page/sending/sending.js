/** What this phone sends under its present name: readings or activities, each with its outbox and its connection. */

import { ActivityOutlet } from './activity-outlet.js';
import { GatewayLink } from './gateway-link.js';
import { Outbox } from './outbox.js';
import { SampleOutlet } from './sample-outlet.js';

/** A day of activities: a report of about 400 bytes for each window, one a second. */
const ACTIVITIES_LIMIT = 86_400 * 600;
const CLOCK_MS = 60_000;
const MOST_REJECTIONS = 20;

/**
 * @typedef {object} Rejection
 * @property {string} code
 * @property {string} detail
 * @property {number} at ms since the epoch.
 *
 * @typedef {object} SendingParts
 * @property {import('./database.js').Database} database
 * @property {import('./device-account.js').DeviceAccount} account
 * @property {import('../sensing/event-clock.js').EventClock} clock
 * @property {import('./loss-log.js').LossLog} losses
 * @property {URL} gateway The gateway's address, `…/v1/`, as HTTP.
 * @property {number} limit Bytes of readings that may wait.
 * @property {() => void} onChange
 * @property {(prediction: any) => void} onAnswer The server has classified a window of this device.
 */

export class Sending {
  #parts;
  #samples;
  #activities;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #clockTimer;
  accepted = 0;
  rejected = 0;
  /** @type {Rejection[]} The newest last. */
  rejections = [];
  /** @type {number | null} The gateway's clock minus this phone's, µs. */
  clockOffset = null;

  /** @param {SendingParts} parts */
  static async open(parts) {
    const { database, account, limit } = parts;
    const samples = await Outbox.open(database, 'samples', account.device, limit);
    const activities = await Outbox.open(database, 'activities', account.device, ACTIVITIES_LIMIT);
    return new Sending(parts, samples, activities);
  }

  /** @param {SendingParts} parts @param {Outbox} samples @param {Outbox} activities */
  constructor(parts, samples, activities) {
    this.#parts = parts;
    const { account, losses } = parts;
    this.device = account.device;
    /** @type {import('./sample-outlet.js').OnLost} */
    const onLost = (from, until, count, reason) => losses.add(from, until, count, reason);
    this.#samples = {
      outbox: samples,
      outlet: new SampleOutlet(samples, account.device, onLost),
      link: this.#link('samples', samples),
    };
    this.#activities = {
      outbox: activities,
      outlet: new ActivityOutlet(activities, account.device, onLost),
      link: this.#link('activities', activities),
    };
  }

  get samples() {
    return this.#samples.outbox;
  }

  get activities() {
    return this.#activities.outbox;
  }

  /** The connection that counts: of activities in private mode. */
  get link() {
    return this.isPrivate ? this.#activities.link : this.#samples.link;
  }

  isPrivate = false;

  /** @param {boolean} isPrivate Readings are not sent at all, not even those that wait. */
  start(isPrivate) {
    this.isPrivate = isPrivate;
    if (isPrivate) this.#samples.link.stop();
    else this.#samples.link.start();
    if (isPrivate || this.activities.count > 0) this.#activities.link.start();
    else this.#activities.link.stop();
    clearInterval(this.#clockTimer);
    this.#clockTimer = setInterval(() => this.#askForTime(), CLOCK_MS);
  }

  stop() {
    clearInterval(this.#clockTimer);
    this.#samples.link.stop();
    this.#activities.link.stop();
  }

  /** @param {string} session @param {import('../sensing/recorder.js').Columns} columns */
  keepReadings(session, columns) {
    return this.#samples.outlet.keep(session, columns);
  }

  /** @param {string} session @param {import('./activity-outlet.js').PhoneAnswer[]} windows */
  keepActivities(session, windows) {
    return this.#activities.outlet.keep(session, windows);
  }

  /** @param {'samples' | 'activities'} kind @param {Outbox} outbox @returns {GatewayLink} */
  #link(kind, outbox) {
    const { gateway, account, onChange } = this.#parts;
    const url = new URL(kind, gateway);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    return new GatewayLink(url.href, account, outbox, {
      onState: onChange,
      onOpen: () => {
        if (kind === 'samples') this.#askForTime();
      },
      onMessage: (message) => this.#hear(message),
      onAccepted: () => {
        this.accepted += 1;
      },
      onRejected: (message, code, detail) => this.#noteRejection(message, code, detail),
    });
  }

  #askForTime() {
    this.#samples.link.say({ type: 'clock', sent: this.#parts.clock.now() });
  }

  /** @param {any} message */
  #hear(message) {
    if (message.type === 'answer' && message.prediction) this.#parts.onAnswer(message.prediction);
    if (message.type === 'clock' && Number.isFinite(message.sent) && Number.isFinite(message.received)) {
      const now = this.#parts.clock.now();
      // On the way there and back it took as long, as far as is known.
      this.clockOffset = message.received - (message.sent + now) / 2;
      this.#parts.onChange();
    }
  }

  /** @param {import('./outbox.js').StoredMessage} message @param {string} code @param {string} detail */
  #noteRejection({ session, sequence }, code, detail) {
    this.rejected += 1;
    this.rejections = [...this.rejections, { code, detail, at: Date.now() }].slice(-MOST_REJECTIONS);
    console.warn(`${session} ${sequence} was rejected: ${code}: ${detail}`);
    this.#parts.onChange();
  }
}
