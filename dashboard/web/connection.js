/** The WebSocket for live data; it reconnects automatically. */

import { BackOff } from './shared/back-off.js';

const MAX_DELAY_MS = 15_000;
/** Longest time without a message; the server sends one every second. */
const SILENCE_MS = 6_000;

/**
 * @typedef {'connecting' | 'open' | 'waiting'} ConnectionState
 *
 * @typedef {object} ConnectionHandlers
 * @property {(message: any) => void} onMessage Receives a parsed message.
 * @property {(state: ConnectionState, retryAt: number) => void} onState The state has changed; `retryAt` is the time of
 *   the next attempt by `performance.now()`, 0 for none.
 */

export class Connection {
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {number | undefined} */
  #retry;
  #backOff = new BackOff(MAX_DELAY_MS);
  #isOpen = false;
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
    this.handlers.onState('connecting', 0);
    const socket = new WebSocket(this.url);
    this.#socket = socket;
    this.#lastReceived = performance.now();
    // An abandoned socket may still have events: ignore them.
    socket.onmessage = (event) => {
      if (socket === this.#socket) this.#receive(event.data);
    };
    socket.onclose = () => {
      if (socket === this.#socket) this.#lost();
    };
  }

  /** @param {string} data */
  #receive(data) {
    this.#lastReceived = performance.now();
    this.handlers.onMessage(JSON.parse(data));
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#backOff.reset();
    this.handlers.onState('open', 0);
  }

  #lost() {
    this.#socket = null;
    this.#isOpen = false;
    const delay = this.#backOff.next();
    this.#retry = setTimeout(() => this.#open(), delay);
    this.handlers.onState('waiting', performance.now() + delay);
  }

  #checkSilence() {
    if (this.#socket === null || performance.now() - this.#lastReceived < SILENCE_MS) return;
    const socket = this.#socket;
    this.#lost();
    socket.close();
  }

  #retryNow() {
    if (this.#retry === undefined) return;
    clearTimeout(this.#retry);
    this.#open();
  }
}
