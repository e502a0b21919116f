/** The WebSocket for live data; it reconnects automatically. */

import { BackOff } from './shared/back-off.js';
import { rejectionOf } from './shared/stream-rejection.js';

const MAX_DELAY_MS = 15_000;
/** Longest time without a message; the server sends one every second. */
const SILENCE_MS = 6_000;
/** Close code if the server takes this page for a foreign one. */
const FOREIGN_PAGE = 4403;
/** Why the server rejects the stream, by status of its answer; 426 answers a valid request that opens no WebSocket. */
const REJECTIONS = {
  401: 'The server asks for its token. Reload this page.',
  421: '',
  426: 'A proxy in between passes on pages but no WebSockets. Let it pass on the headers Upgrade and Connection.',
  503: '',
};

/**
 * @typedef {'connecting' | 'open' | 'waiting'} ConnectionState
 *
 * @typedef {object} ConnectionHandlers
 * @property {(message: any) => void} onMessage Receives a parsed message.
 * @property {(state: ConnectionState, retryAt: number, reason: string) => void} onState The state has changed; `retryAt`
 *   is the time of the next attempt by `performance.now()`, 0 for none; `reason` is why there is no connection, as text,
 *   empty if it is not known.
 */

export class Connection {
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {number | undefined} */
  #retry;
  #backOff = new BackOff(MAX_DELAY_MS);
  #isOpen = false;
  /** Attempts since the last connection. */
  #attempts = 0;
  #lastReceived = 0;

  /**
   * @param {string} url
   * @param {ConnectionHandlers} handlers
   */
  constructor(url, handlers) {
    this.url = url;
    this.handlers = handlers;
  }

  start() {
    this.#open();
    setInterval(() => this.#checkSilence(), 1_000);
    addEventListener('online', () => this.#retryNow());
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.#retryNow();
    });
  }

  #open() {
    this.#retry = undefined;
    this.#attempts += 1;
    this.handlers.onState('connecting', 0, '');
    const socket = new WebSocket(this.url);
    this.#socket = socket;
    this.#lastReceived = performance.now();
    // An abandoned socket may still have events: ignore them.
    socket.onmessage = (event) => {
      if (socket === this.#socket) this.#receive(event.data);
    };
    socket.onclose = ({ code, reason }) => {
      if (socket === this.#socket) this.#lost(code === FOREIGN_PAGE ? reason : '');
    };
  }

  /** @param {string} data */
  #receive(data) {
    this.#lastReceived = performance.now();
    this.handlers.onMessage(JSON.parse(data));
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#attempts = 0;
    this.#backOff.reset();
    this.handlers.onState('open', 0, '');
  }

  /** @param {string} reason */
  #lost(reason) {
    this.#socket = null;
    this.#isOpen = false;
    const delay = this.#backOff.next();
    this.#retry = setTimeout(() => this.#open(), delay);
    const retryAt = performance.now() + delay;
    this.handlers.onState('waiting', retryAt, reason);
    // The first attempt after a lost connection may fail just because the server is starting.
    if (reason === '' && this.#attempts > 1) this.#diagnose(retryAt);
  }

  /** Find out why no WebSocket opens: browsers hide it from pages. @param {number} retryAt */
  async #diagnose(retryAt) {
    const attempts = this.#attempts;
    const reason = await rejectionOf(this.url, REJECTIONS);
    if (reason !== '' && attempts === this.#attempts && this.#socket === null) {
      this.handlers.onState('waiting', retryAt, reason);
    }
  }

  #checkSilence() {
    if (this.#socket === null || performance.now() - this.#lastReceived < SILENCE_MS) return;
    const socket = this.#socket;
    this.#lost('');
    socket.close();
  }

  #retryNow() {
    if (this.#retry === undefined) return;
    clearTimeout(this.#retry);
    this.#open();
  }
}
