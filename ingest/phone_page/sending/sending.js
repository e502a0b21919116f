/** Sends this device's readings and activities, each with an outbox and a connection of its own. */

import { ActivityOutlet } from './activity-outlet.js';
import { GatewayLink } from './gateway-link.js';
import { Outbox } from './outbox.js';
import { SampleOutlet } from './sample-outlet.js';

/** Bytes for a day of activities: each second a report of about 400 bytes, and its overhead. */
const ACTIVITIES_LIMIT = 86_400 * 600;
/** Time between two comparisons with the gateway's clock, ms. */
const CLOCK_MS = 60_000;
const MAX_REJECTIONS = 20;

/**
 * @typedef {object} Rejection
 * @property {string} code
 * @property {string} detail
 * @property {number} at ms since the Unix epoch.
 *
 * @typedef {object} SendingParts
 * @property {import('./database.js').Database} database
 * @property {import('./device-account.js').DeviceAccount} account
 * @property {import('../sensing/event-clock.js').EventClock} clock
 * @property {import('./loss-log.js').LossLog} losses
 * @property {URL} gateway HTTP URL of the gateway's `/v1/`.
 * @property {number} limit Capacity of the outbox for readings, bytes.
 * @property {() => void} onChange
 * @property {(prediction: any, kindTitle: string | null) => void} onPrediction The server has classified a window of
 *   this device; `kindTitle` is what its kind of background is, in words.
 */

export class Sending {
  #parts;
  #samples;
  #activities;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #clockTimer;
  /** Messages that the gateway has accepted since the page was loaded. */
  accepted = 0;
  /** Messages that the gateway has rejected since the page was loaded. */
  rejected = 0;
  /** @type {Rejection[]} The newest last. */
  rejections = [];
  /** @type {number | null} The gateway's clock minus this phone's, µs; null before the first comparison. */
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

  /** The connection of the current mode. */
  get link() {
    return this.isPrivate ? this.#activities.link : this.#samples.link;
  }

  isPrivate = false;

  /** @param {boolean} isPrivate If true, no readings are sent, not even those in the outbox. */
  start(isPrivate) {
    this.isPrivate = isPrivate;
    if (isPrivate) this.#samples.link.stop();
    else this.#samples.link.start();
    if (isPrivate || this.activities.count > 0) this.#activities.link.start();
    else this.#activities.link.stop();
    clearInterval(this.#clockTimer);
    this.#clockTimer = setInterval(() => this.#requestTime(), CLOCK_MS);
  }

  stop() {
    clearInterval(this.#clockTimer);
    this.#samples.link.stop();
    this.#activities.link.stop();
  }

  /** @param {string} session @param {import('../sensing/recorder.js').Columns} columns */
  addReadings(session, columns) {
    return this.#samples.outlet.add(session, columns);
  }

  /** @param {string} session @param {import('./activity-outlet.js').PhonePrediction[]} windows */
  addActivities(session, windows) {
    return this.#activities.outlet.add(session, windows);
  }

  /** @param {'samples' | 'activities'} kind @param {Outbox} outbox @returns {GatewayLink} */
  #link(kind, outbox) {
    const { gateway, account, onChange } = this.#parts;
    const url = new URL(kind, gateway);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    return new GatewayLink(url.href, account, outbox, {
      onState: onChange,
      onOpen: () => {
        if (kind === 'samples') this.#requestTime();
      },
      onMessage: (message) => this.#receive(message),
      onAccepted: () => {
        this.accepted += 1;
      },
      onRejected: (message, code, detail) => this.#recordRejection(message, code, detail),
    });
  }

  #requestTime() {
    this.#samples.link.send({ type: 'clock', sent: this.#parts.clock.now() });
  }

  /** @param {any} message */
  #receive(message) {
    if (message.type === 'prediction' && message.prediction) {
      this.#parts.onPrediction(message.prediction, message.kind_title ?? null);
    }
    if (message.type === 'clock' && Number.isFinite(message.sent) && Number.isFinite(message.received)) {
      const now = this.#parts.clock.now();
      // This assumes that both ways took the same time.
      this.clockOffset = message.received - (message.sent + now) / 2;
      this.#parts.onChange();
    }
  }

  /** @param {import('./outbox.js').StoredMessage} message @param {string} code @param {string} detail */
  #recordRejection({ session, sequence }, code, detail) {
    this.rejected += 1;
    this.rejections = [...this.rejections, { code, detail, at: Date.now() }].slice(-MAX_REJECTIONS);
    console.warn(`the gateway rejected message ${sequence} of session ${session}: ${code}: ${detail}`);
    this.#parts.onChange();
  }
}
