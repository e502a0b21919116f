/** The connection, what waits, and what was rejected or lost. */

import { byId, write, writeRows } from './elements.js';
import { bytesAnHour } from '../sending/outbox-room.js';
import { counted, duration, size, timeOfDay } from '../shared/wording.js';

const SHOWN = 4;
/** What has waited for less is just on its way, ms. */
const ON_ITS_WAY_MS = 3_000;
const WAITS_FOR = { kafka: ', but it waits for Kafka', room: ', but it has no room', rate: ', but we send too fast' };
const LOST_BY = {
  full: 'the outbox was full',
  storage: 'the browser did not store it',
  invalid: 'the clock or the sensor gives values that are not possible',
};

export class SendingView {
  #phone;
  /** @type {import('../sending/outbox.js').StoredMessage | undefined} */
  #oldest;

  /** @param {import('../phone.js').Phone} phone */
  constructor(phone) {
    this.#phone = phone;
    setInterval(() => this.#lookForOldest(), 1_000);
  }

  render() {
    const { sending, losses, isRecording } = this.#phone;
    byId('sending').hidden = !sending;
    this.#connection();
    if (!sending) return;
    const waiting = this.#outbox()?.count ?? 0;
    write('waiting', waiting.toLocaleString());
    write('accepted', sending.accepted.toLocaleString());
    write('rejected', String(sending.rejected));
    write('lost', losses.seconds > 0 && losses.seconds < 1 ? '< 1 s' : duration(losses.seconds));
    byId('lost').classList.toggle('bad', losses.seconds > 0);
    byId('rejected').classList.toggle('bad', sending.rejected > 0);
    const age = this.#oldest && waiting > 0 ? Date.now() - this.#oldest.from / 1000 : 0;
    const unit = sending.isPrivate ? 'report' : 'batch';
    const since = this.#oldest ? timeOfDay(this.#oldest.from) : '';
    write('waiting-since', age > ON_ITS_WAY_MS ? `${counted(waiting, unit)} kept since ${since}.` : '');
    write('room', this.#room(isRecording));
    this.#log();
  }

  #outbox() {
    const { sending } = this.#phone;
    return sending?.isPrivate ? sending.activities : sending?.samples;
  }

  async #lookForOldest() {
    this.#oldest = await this.#outbox()?.oldest();
  }

  #connection() {
    const { sending, account } = this.#phone;
    const link = sending?.link;
    const state = account.turnedAway ? 'waiting' : (link?.state ?? 'off');
    const waitsFor = WAITS_FOR[/** @type {keyof typeof WAITS_FOR} */ (link?.waitsFor)] ?? '';
    const texts = {
      off: account.isEnrolled ? 'Not connected' : 'Not enrolled',
      connecting: 'Connecting',
      open: `Connected${waitsFor}`,
      waiting: account.turnedAway ? 'Turned away' : navigator.onLine ? 'No gateway' : 'Offline',
    };
    // An attempt that follows a failure is no news until it has worked.
    const isRetry = state === 'connecting' && document.documentElement.dataset.connection === 'waiting';
    if (!isRetry) {
      document.documentElement.dataset.connection = state === 'open' && waitsFor ? 'connecting' : state;
      write('connection-text', texts[state]);
    }
    const seconds = Math.ceil(((link?.retryAt ?? 0) - performance.now()) / 1000);
    write(
      'connection-detail',
      state === 'waiting' && !account.turnedAway && seconds > 0 ? `, retry in ${seconds} s` : '',
    );
  }

  /** @param {boolean} isRecording */
  #room(isRecording) {
    const { sending, configuration, trace, clock, isPersistent } = this.#phone;
    if (!sending) return '';
    const rate = isRecording ? Math.round(trace.rate(clock.now())) || 60 : 60;
    const hour = bytesAnHour(rate, configuration.batch_milliseconds);
    const { limit, bytes } = sending.samples;
    const left = duration(((limit - bytes) / hour) * 3600);
    const keeps = isPersistent
      ? ''
      : ' The browser may clear it when space gets short; adding the page to the home screen prevents that.';
    const room = `Room for ${left} without a network at ${rate} readings/s (${size(bytes)} of ${size(limit)} used).`;
    return `${room} When it is full, new readings are lost, never older ones.${keeps}`;
  }

  #log() {
    const { sending, losses } = this.#phone;
    const rejected = (sending?.rejections ?? []).map(({ code, detail, at }) => ({
      at,
      text: `${timeOfDay(at * 1000)} rejected, ${code}: ${detail}`,
    }));
    const lost = losses.entries.map(({ from, seconds, reason }) => ({
      at: from / 1000,
      text: `${timeOfDay(from)} lost ${seconds.toFixed(1)} s: ${LOST_BY[/** @type {keyof typeof LOST_BY} */ (reason)]}`,
    }));
    const rows = [...rejected, ...lost].sort((one, other) => other.at - one.at).slice(0, SHOWN);
    byId('log').hidden = rows.length === 0;
    writeRows(
      byId('log'),
      rows.map(({ text }) => text),
      'li',
      '',
    );
  }
}
