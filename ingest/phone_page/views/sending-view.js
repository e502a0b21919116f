/** Shows the connection, the outbox, and rejected and lost readings. */

import { byId, write, writeRows } from '../shared/elements.js';
import { bytesPerHour } from '../sending/outbox-capacity.js';
import { counted, duration, size, timeOfDay } from '../shared/wording.js';

const MAX_ROWS = 4;
/** A shorter wait of a message is not shown, ms. */
const DELAYED_MS = 3_000;
const WAITS_FOR = {
  kafka: ', waiting for Kafka',
  room: ', gateway overloaded',
  rate: ', limited to the gateway’s rate',
};
const LOSS_REASONS = {
  full: 'the outbox was full',
  storage: 'the browser could not store them',
  invalid: 'the clock or the sensor returned invalid values',
};

export class SendingView {
  #phone;
  /** @type {import('../sending/outbox.js').StoredMessage | undefined} */
  #oldest;

  /** @param {import('../phone.js').Phone} phone */
  constructor(phone) {
    this.#phone = phone;
    setInterval(() => this.#findOldest(), 1_000);
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
    write('waiting-since', age > DELAYED_MS ? `${counted(waiting, unit)} waiting since ${since}.` : '');
    write('capacity', this.#capacity(isRecording));
    this.#log();
  }

  #outbox() {
    const { sending } = this.#phone;
    return sending?.isPrivate ? sending.activities : sending?.samples;
  }

  async #findOldest() {
    this.#oldest = await this.#outbox()?.oldest();
  }

  #connection() {
    const { sending, account } = this.#phone;
    const link = sending?.link;
    const state = account.revokedReason ? 'waiting' : (link?.state ?? 'off');
    // The notices say why a gateway that answers accepts no connection.
    const gateway = link?.reason ? 'No connection' : 'No gateway';
    const waitsFor = WAITS_FOR[/** @type {keyof typeof WAITS_FOR} */ (link?.waitsFor)] ?? '';
    const texts = {
      off: account.isEnrolled ? 'Not connected' : 'Not enrolled',
      connecting: 'Connecting',
      open: `Connected${waitsFor}`,
      waiting: account.revokedReason ? 'Revoked' : navigator.onLine ? gateway : 'Offline',
    };
    // Further attempts after a failure are not shown until one succeeds.
    const isRetry = state === 'connecting' && document.documentElement.dataset.connection === 'waiting';
    if (!isRetry) {
      document.documentElement.dataset.connection = state === 'open' && waitsFor ? 'connecting' : state;
      write('connection-text', texts[state]);
    }
    const seconds = Math.ceil(((link?.retryAt ?? 0) - performance.now()) / 1000);
    write(
      'connection-detail',
      state === 'waiting' && !account.revokedReason && seconds > 0 ? `, retry in ${seconds} s` : '',
    );
  }

  /** @param {boolean} isRecording */
  #capacity(isRecording) {
    const { sending, configuration, recording, clock, isPersistent } = this.#phone;
    if (!sending) return '';
    const rate = isRecording ? Math.round(recording.trace.rate(clock.now())) || 60 : 60;
    const hour = bytesPerHour(rate, configuration.batch_milliseconds);
    const { limit, bytes } = sending.samples;
    const left = duration(((limit - bytes) / hour) * 3600);
    const used = `${size(bytes)} of ${size(limit)} used`;
    const persistence = isPersistent
      ? ''
      : ' The browser may delete them if its disk is nearly full; add the page to the home screen to prevent this.';
    return (
      `Offline, this phone can store another ${left} of readings at ${rate} readings/s (${used}). ` +
      `When the space is full, new readings are lost.${persistence}`
    );
  }

  #log() {
    const { sending, losses } = this.#phone;
    const rejected = (sending?.rejections ?? []).map(({ code, detail, at }) => ({
      at,
      text: `${timeOfDay(at * 1000)} rejected, ${code}: ${detail}`,
    }));
    const lost = losses.entries.map(({ from, seconds, reason }) => ({
      at: from / 1000,
      text: `${timeOfDay(from)} lost ${seconds.toFixed(1)} s of readings: ${
        LOSS_REASONS[/** @type {keyof typeof LOSS_REASONS} */ (reason)]
      }`,
    }));
    const rows = [...rejected, ...lost].sort((one, other) => other.at - one.at).slice(0, MAX_ROWS);
    byId('log').hidden = rows.length === 0;
    writeRows(
      byId('log'),
      rows.map(({ text }) => text),
      'li',
      '',
    );
  }
}
