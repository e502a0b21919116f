/**
 * Sends an outbox to the gateway over a WebSocket, in order, and removes what was answered (docs/messages.md).
 *
 * Whenever the connection ends it is opened again, and all that was not answered is sent from the oldest on.
 */

import { BackOff } from './back-off.js';

const SUBPROTOCOL = 'har.v1';
/** Messages on their way; the gateway takes as many of a connection. */
const MOST_IN_FLIGHT = 16;
const OPENING_MS = 15_000;
/** The gateway says after 2 s that answers must wait: what is silent for longer is dead. */
const SILENCE_MS = 10_000;
/** Once it has said that they wait, it answers or closes within 30 s. */
const WAITING_MS = 45_000;
const TOO_MANY_REJECTED = 1008;
const TOO_MANY_REJECTED_MS = 10_000;
const TOKEN_EXPIRED = 4401;
const TURNED_AWAY = 4403;

/**
 * @typedef {'off' | 'connecting' | 'open' | 'waiting'} LinkState
 * @typedef {import('./outbox.js').StoredMessage} StoredMessage
 *
 * @typedef {object} LinkHandlers
 * @property {() => void} onState The state, or what is waited for, changed.
 * @property {(socket: WebSocket) => void} [onOpen]
 * @property {(message: any) => void} [onMessage] What is no answer.
 * @property {() => void} onAccepted
 * @property {(message: StoredMessage, code: string, detail: string) => void} onRejected It was removed.
 */

export class GatewayLink {
  #url;
  #account;
  #outbox;
  #handlers;
  #backOff = new BackOff();
  /** @type {WebSocket | null} */
  #socket = null;
  #token = '';
  /** @type {StoredMessage[]} Sent and not answered, the oldest first. */
  #inFlight = [];
  /** The order of the newest message that went over this connection. */
  #sentTo = -1;
  #pumping = false;
  #pumpAgain = false;
  #heard = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #watch;
  /** Attempts that were overtaken know it by this number. */
  #attempt = 0;
  #added = () => this.#pump();
  #wake = () => this.#retryNow();
  /** @type {LinkState} */
  state = 'off';
  /** When the next attempt is due, by `performance.now()`. */
  retryAt = 0;
  /** Why there is no connection, for the wearer; empty if it just cannot be reached. */
  reason = '';
  /** @type {string} What the gateway waits for (`kafka`, `room`); empty if for nothing. */
  waitsFor = '';

  /**
   * @param {string} url
   * @param {import('./device-account.js').DeviceAccount} account
   * @param {import('./outbox.js').Outbox} outbox
   * @param {LinkHandlers} handlers
   */
  constructor(url, account, outbox, handlers) {
    this.#url = url;
    this.#account = account;
    this.#outbox = outbox;
    this.#handlers = handlers;
  }

  start() {
    if (this.state !== 'off') return;
    this.#outbox.addEventListener('added', this.#added);
    addEventListener('online', this.#wake);
    document.addEventListener('visibilitychange', this.#wake);
    this.#watch = setInterval(() => this.#checkSilence(), 1_000);
    this.#connect();
  }

  stop() {
    this.#attempt += 1;
    clearTimeout(this.#retry);
    clearInterval(this.#watch);
    this.#outbox.removeEventListener('added', this.#added);
    removeEventListener('online', this.#wake);
    document.removeEventListener('visibilitychange', this.#wake);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#become('off');
  }

  /** @param {object} message Sent as a text frame, if there is a connection. */
  say(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  async #connect() {
    this.#attempt += 1;
    const attempt = this.#attempt;
    this.#retry = undefined;
    this.#become('connecting', this.reason);
    let credentials;
    try {
      credentials = await this.#account.credentials();
    } catch (error) {
      if (attempt !== this.#attempt) return;
      const rejected = /** @type {import('./gateway-answers.js').GatewayRejected} */ (error);
      // Who is turned away is stopped by whoever owns this; what can be tried again is.
      this.#pause(rejected.retryAfter ?? 0, rejected.message);
      return;
    }
    if (attempt === this.#attempt) this.#open(credentials.token);
  }

  /** @param {string} token */
  #open(token) {
    const protocols = token === '' ? [SUBPROTOCOL] : [SUBPROTOCOL, `bearer.${token}`];
    const socket = new WebSocket(this.#url, protocols);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    this.#token = token;
    this.#heard = performance.now();
    // A socket that was given up may still report: only the present one counts.
    socket.onopen = () => {
      if (socket === this.#socket) this.#opened(socket);
    };
    socket.onmessage = (event) => {
      if (socket === this.#socket) this.#receive(event.data);
    };
    socket.onclose = (event) => {
      if (socket === this.#socket) this.#lost(event.code, event.reason);
    };
  }

  /** @param {WebSocket} socket */
  #opened(socket) {
    this.#heard = performance.now();
    this.#inFlight = [];
    this.#sentTo = -1;
    this.#become('open');
    this.#handlers.onOpen?.(socket);
    this.#pump();
  }

  /** Send what waits, as far as there is room on the way. */
  async #pump() {
    this.#pumpAgain = true;
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.#pumpAgain) {
        this.#pumpAgain = false;
        await this.#sendNext();
      }
    } catch (error) {
      console.error('the outbox could not be read', error);
      this.#giveUp('The outbox on this phone could not be read. Load the page again.');
    } finally {
      this.#pumping = false;
    }
  }

  async #sendNext() {
    const socket = this.#socket;
    const room = MOST_IN_FLIGHT - this.#inFlight.length;
    if (socket?.readyState !== WebSocket.OPEN || room <= 0) return;
    const messages = await this.#outbox.next(this.#sentTo, room);
    if (socket !== this.#socket || socket.readyState !== WebSocket.OPEN) return;
    if (this.#inFlight.length === 0) this.#heard = performance.now();
    for (const message of messages) {
      socket.send(/** @type {any} */ (message.body));
      this.#inFlight.push(message);
      this.#sentTo = message.order;
    }
  }

  /** @param {string} data */
  #receive(data) {
    this.#heard = performance.now();
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      this.#giveUp('The gateway said something that cannot be read.');
      return;
    }
    if (message.type === 'accepted' || message.type === 'rejected') this.#settle(message);
    else if (message.type === 'waiting') this.#become('open', '', message.reason);
    else this.#handlers.onMessage?.(message);
  }

  /** @param {any} answer */
  #settle(answer) {
    const message = this.#inFlight[0];
    const isKnown = answer.type === 'accepted' || typeof answer.sequence === 'number';
    if (!message || (isKnown && (answer.session !== message.session || answer.sequence !== message.sequence))) {
      this.#giveUp('The gateway answered something that was not sent.');
      return;
    }
    this.#inFlight.shift();
    this.#backOff.reset();
    if (this.waitsFor !== '') this.#become('open');
    // If the page ends before this is done, the message is sent again, which does no harm.
    this.#outbox.remove(message).catch((error) => console.error('an answered message stays in the outbox', error));
    if (answer.type === 'accepted') this.#handlers.onAccepted();
    else this.#handlers.onRejected(message, String(answer.code), String(answer.detail));
    this.#pump();
  }

  /** @param {number} code @param {string} reason */
  #lost(code, reason) {
    const wasOpen = this.state === 'open';
    this.#socket = null;
    if (code === TURNED_AWAY) {
      this.#account.turnAway(reason);
      return;
    }
    if (code === TOKEN_EXPIRED) {
      this.#account.expired(this.#token);
      // A fresh token is taken at once; a gateway that rejects fresh ones is asked less and less often.
      this.#pause(0, wasOpen ? '' : 'The gateway does not take this phone’s token.');
      return;
    }
    // Browsers do not tell with which status a connection was turned away: it may be the token.
    if (!wasOpen) this.#account.doubt();
    this.#pause(code === TOO_MANY_REJECTED ? TOO_MANY_REJECTED_MS : 0, reason);
  }

  /** @param {number} atLeast ms. @param {string} reason */
  #pause(atLeast, reason) {
    const delay = this.#backOff.next(atLeast);
    this.retryAt = performance.now() + delay;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#connect(), delay);
    this.#become('waiting', reason);
  }

  /** @param {string} reason */
  #giveUp(reason) {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    if (this.state !== 'off') this.#pause(0, reason);
  }

  #checkSilence() {
    const silence = performance.now() - this.#heard;
    if (this.state === 'connecting' && this.#socket && silence > OPENING_MS) this.#giveUp('');
    const limit = this.waitsFor === '' ? SILENCE_MS : WAITING_MS;
    if (this.state === 'open' && this.#inFlight.length > 0 && silence > limit) this.#giveUp('');
  }

  #retryNow() {
    if (this.state !== 'waiting' || document.hidden) return;
    clearTimeout(this.#retry);
    this.#connect();
  }

  /** @param {LinkState} state @param {string} reason @param {string} waitsFor */
  #become(state, reason = '', waitsFor = '') {
    if (state === this.state && reason === this.reason && waitsFor === this.waitsFor) return;
    this.state = state;
    this.reason = reason;
    this.waitsFor = waitsFor;
    this.#handlers.onState();
  }
}
