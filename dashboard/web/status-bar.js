/** The header: connection state, figures and notices. */

import { byId, write } from './shared/elements.js';
import { counted, duration, latency, timeOfDay } from './shared/wording.js';

/** How long the notice about undecodable messages is shown, ms. */
const UNDECODABLE_MS = 60_000;
/** A live feed without an update for longer than this is reported, s. */
const QUIET_SECONDS = 30;
const CONNECTION_TEXT = { connecting: 'Connecting', open: 'Live', waiting: 'Connection lost' };

/** @typedef {import('./connection.js').ConnectionState} ConnectionState */

export class StatusBar {
  #retryAt = 0;
  #reason = '';
  /** @type {ConnectionState} */
  #state = 'connecting';
  #undecodable = 0;
  #undecodableUntil = 0;

  constructor() {
    setInterval(() => this.#countDown(), 500);
  }

  /**
   * @param {ConnectionState} state
   * @param {number} retryAt By `performance.now()`.
   * @param {string} reason Why there is no connection; empty if it is not known.
   */
  showConnection(state, retryAt, reason) {
    // Further attempts after a failure are not shown until one succeeds, and the reason stays.
    if (state === 'connecting' && this.#state === 'waiting') return;
    if (state === 'open' || reason !== '') this.#reason = reason;
    this.#state = state;
    this.#retryAt = retryAt;
    document.documentElement.dataset.connection = state;
    write('connection-text', this.#reason === '' ? CONNECTION_TEXT[state] : `No connection. ${this.#reason}`);
    this.#countDown();
  }

  /** @param {any} status `LiveStatus` from the server. @param {number} now The server's clock, µs. */
  showStatus(status, now) {
    write('devices-count', String(status.devices));
    write('windows-rate', status.windows_per_second.toFixed(1));
    write('latency-p50', latency(status.latency_p50));
    write('latency-p99', latency(status.latency_p99));
    write('release', status.releases.join(', ') || '–');
    byId('release').title = status.releases.join('\n');
    const feed = describeFeed(status, now);
    const notices = [];
    if (feed) notices.push(feed);
    if (status.live_fault) notices.push(status.live_fault);
    if (status.release_rejected) notices.push(status.release_rejected);
    if (status.undecodable > this.#undecodable) this.#undecodableUntil = performance.now() + UNDECODABLE_MS;
    this.#undecodable = status.undecodable;
    if (performance.now() < this.#undecodableUntil) {
      const messages = counted(status.undecodable, 'message');
      notices.push(`${messages} from Redis could not be decoded. See the server’s log.`);
    }
    const notice = byId('notice');
    notice.hidden = notices.length === 0;
    notice.classList.toggle('severe', feed !== '');
    write('notice', notices.join(' '));
  }

  #countDown() {
    const seconds = Math.ceil((this.#retryAt - performance.now()) / 1000);
    const detail = this.#state !== 'waiting' || this.#reason !== '' ? '' : seconds > 0 ? `, retry in ${seconds} s` : ', retrying';
    write('connection-detail', detail);
  }
}

/**
 * @param {any} status `LiveStatus` from the server.
 * @param {number} now The server's clock, µs.
 * @returns {string} What is wrong with the live feed as a whole; empty if nothing is.
 */
function describeFeed(status, now) {
  const since = status.redis_unavailable_since;
  if (since !== undefined && since !== null) {
    const words = status.redis_error ? `: ${status.redis_error.replace(/\.$/, '')}` : '';
    return (
      `Redis unavailable since ${timeOfDay(since)}${words}. This page shows the last known data and updates when ` +
      'Redis is available again.'
    );
  }
  if (!status.newest_update || status.devices === 0) return '';
  const quiet = (now - status.newest_update) / 1e6;
  if (quiet < QUIET_SECONDS) return '';
  // In whole steps, so that screen readers do not repeat the notice every second.
  const step = quiet < 60 ? 10 : 60;
  const length = duration(Math.floor(quiet / step) * step);
  return `The live feed has reported nothing for ${length}. Each card says how old its last prediction is.`;
}
