/** The header: connection state, figures and notices. */

import { byId, write } from './shared/elements.js';
import { counted, latency, timeOfDay } from './shared/wording.js';

/** How long the notice about undecodable messages is shown, ms. */
const UNDECODABLE_MS = 60_000;
const CONNECTION_TEXT = { connecting: 'Connecting', open: 'Live', waiting: 'Connection lost' };

/** @typedef {import('./connection.js').ConnectionState} ConnectionState */

export class StatusBar {
  #retryAt = 0;
  /** @type {ConnectionState} */
  #state = 'connecting';
  #undecodable = 0;
  #undecodableUntil = 0;

  constructor() {
    setInterval(() => this.#countDown(), 500);
  }

  /** @param {ConnectionState} state @param {number} retryAt By `performance.now()`. */
  showConnection(state, retryAt) {
    // Further attempts after a failure are not shown until one succeeds.
    if (state === 'connecting' && this.#state === 'waiting') return;
    this.#state = state;
    this.#retryAt = retryAt;
    document.documentElement.dataset.connection = state;
    write('connection-text', CONNECTION_TEXT[state]);
    this.#countDown();
  }

  /** @param {any} status `LiveStatus` from the server. */
  showStatus(status) {
    write('devices-count', String(status.devices));
    write('windows-rate', status.windows_per_second.toFixed(1));
    write('latency-p50', latency(status.latency_p50));
    write('latency-p99', latency(status.latency_p99));
    write('release', status.releases.join(', ') || '–');
    byId('release').title = status.releases.join('\n');
    const since = status.redis_unavailable_since;
    const notices = [];
    if (since !== undefined && since !== null) {
      notices.push(
        `Redis unavailable since ${timeOfDay(since)}. This page shows the last known data and updates when ` +
          'Redis is available again.',
      );
    }
    if (status.release_rejected) notices.push(status.release_rejected);
    if (status.undecodable > this.#undecodable) this.#undecodableUntil = performance.now() + UNDECODABLE_MS;
    this.#undecodable = status.undecodable;
    if (performance.now() < this.#undecodableUntil) {
      const messages = counted(status.undecodable, 'message');
      notices.push(`${messages} from Redis could not be decoded. See the server’s log.`);
    }
    const notice = byId('notice');
    notice.hidden = notices.length === 0;
    notice.classList.toggle('severe', since !== undefined && since !== null);
    write('notice', notices.join(' '));
  }

  #countDown() {
    const seconds = Math.ceil((this.#retryAt - performance.now()) / 1000);
    const detail = this.#state !== 'waiting' ? '' : seconds > 0 ? `, retry in ${seconds} s` : ', retrying';
    write('connection-detail', detail);
  }
}
