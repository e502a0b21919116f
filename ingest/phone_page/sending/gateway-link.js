/**
 * Sends an outbox to the gateway over a WebSocket, in order, and removes answered messages (docs/messages.md).
 *
 * If the connection ends, it is opened again, and all unanswered messages are sent again, the oldest first.
 */

import { BackOff } from '../shared/back-off.js';
import { diagnose } from './link-diagnosis.js';

const SUBPROTOCOL = 'har.v1';
/** Unanswered messages; the gateway accepts as many per connection. */
const MAX_IN_FLIGHT = 16;
const OPENING_MS = 15_000;
/** Longest time without an answer. The gateway reports after 2 s that answers are delayed. */
const SILENCE_MS = 10_000;
/** Longest time without an answer after such a report. The gateway then answers or closes within 30 s. */
const DELAYED_MS = 45_000;
/** Close code after too many rejected messages. */
const TOO_MANY_REJECTED = 1008;
const TOO_MANY_REJECTED_MS = 10_000;
/** Close code for an expired token. */
const TOKEN_EXPIRED = 4401;
/** Close code for a revoked device. */
const REVOKED = 4403;

/**
 * @typedef {'off' | 'connecting' | 'open' | 'waiting'} LinkState
 * @typedef {import('./outbox.js').StoredMessage} StoredMessage
 *
 * @typedef {object} LinkHandlers
 * @property {() => void} onState `state`, `reason` or `waitsFor` has changed.
 * @property {(socket: WebSocket) => void} [onOpen]
 * @property {(message: any) => void} [onMessage] The gateway sent a message that is not an answer.
 * @property {() => void} onAccepted
 * @property {(message: StoredMessage, code: string, detail: string) => void} onRejected The message was removed.
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
  /** @type {StoredMessage[]} Unanswered messages, the oldest first. */
  #inFlight = [];
  /** `order` of the newest message sent over this connection. */
  #lastSent = -1;
  #isPumping = false;
  #pumpAgain = false;
  #lastReceived = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #watch;
  /** Number of the current attempt; an outdated attempt has another one. */
  #attempt = 0;
  #added = () => this.#pump();
  #wake = () => this.#retryNow();
  /** @type {LinkState} */
  state = 'off';
  /** When the next attempt starts, by `performance.now()`. */
  retryAt = 0;
  /** Why there is no connection, as text for the wearer; empty if the gateway cannot be reached. */
  reason = '';
  /** @type {string} What delays the gateway's answers (`kafka`, `room`, `rate`); empty for nothing. */
  waitsFor = '';

  /**
   * @param {string} url WebSocket URL.
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
    this.#setState('off');
  }

  /** @param {object} message Sent as a text frame; dropped without a connection. */
  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  async #connect() {
    this.#attempt += 1;
    const attempt = this.#attempt;
    this.#retry = undefined;
    this.#setState('connecting', this.reason);
    let credentials;
    try {
      credentials = await this.#account.credentials();
    } catch (error) {
      if (attempt !== this.#attempt) return;
      const rejected = /** @type {import('./gateway-answers.js').GatewayRejected} */ (error);
      // If the device is revoked, the owner stops this link.
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
    this.#lastReceived = performance.now();
    // An abandoned socket may still have events: ignore them.
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
    this.#lastReceived = performance.now();
    this.#inFlight = [];
    this.#lastSent = -1;
    this.#setState('open');
    this.#handlers.onOpen?.(socket);
    this.#pump();
  }

  /** Send messages of the outbox, up to the limit of unanswered ones. */
  async #pump() {
    this.#pumpAgain = true;
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (this.#pumpAgain) {
        this.#pumpAgain = false;
        await this.#sendNext();
      }
    } catch (error) {
      console.error('could not read the outbox', error);
      this.#reconnect('The outbox on this phone could not be read. Reload the page.');
    } finally {
      this.#isPumping = false;
    }
  }

  async #sendNext() {
    const socket = this.#socket;
    const count = MAX_IN_FLIGHT - this.#inFlight.length;
    if (socket?.readyState !== WebSocket.OPEN || count <= 0) return;
    const messages = await this.#outbox.next(this.#lastSent, count);
    if (socket !== this.#socket || socket.readyState !== WebSocket.OPEN) return;
    if (this.#inFlight.length === 0) this.#lastReceived = performance.now();
    for (const message of messages) {
      socket.send(/** @type {any} */ (message.body));
      this.#inFlight.push(message);
      this.#lastSent = message.order;
    }
  }

  /** @param {string} data */
  #receive(data) {
    this.#lastReceived = performance.now();
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      this.#reconnect('The gateway sent a message that is not JSON.');
      return;
    }
    if (message.type === 'accepted' || message.type === 'rejected') this.#settle(message);
    else if (message.type === 'waiting') this.#setState('open', '', message.reason);
    else this.#handlers.onMessage?.(message);
  }

  /** @param {any} answer */
  #settle(answer) {
    const message = this.#inFlight[0];
    // A rejection of an undecodable message names no session and no sequence.
    const isNamed = answer.type === 'accepted' || typeof answer.sequence === 'number';
    if (!message || (isNamed && (answer.session !== message.session || answer.sequence !== message.sequence))) {
      this.#reconnect('The gateway answered a message that this phone did not send.');
      return;
    }
    this.#inFlight.shift();
    this.#backOff.reset();
    if (this.waitsFor !== '') this.#setState('open');
    // If the page is closed before this is done, the message is sent again; the gateway accepts repeats.
    this.#outbox.remove(message).catch((error) => console.error('could not remove an answered message', error));
    if (answer.type === 'accepted') this.#handlers.onAccepted();
    else this.#handlers.onRejected(message, String(answer.code), String(answer.detail));
    this.#pump();
  }

  /** @param {number} code @param {string} reason */
  #lost(code, reason) {
    const wasOpen = this.state === 'open';
    this.#socket = null;
    if (code === REVOKED) {
      this.#account.reportRevoked(reason);
      return;
    }
    if (code === TOKEN_EXPIRED) {
      this.#account.reportExpired(this.#token);
      // The next attempt renews the token. If the gateway rejects new tokens, too, the pauses grow.
      this.#pause(0, wasOpen ? '' : 'The gateway rejected this phone’s token.');
      return;
    }
    // Browsers hide the status code of a failed connection: the token may be the cause.
    if (!wasOpen) this.#account.reportFailure();
    this.#pause(code === TOO_MANY_REJECTED ? TOO_MANY_REJECTED_MS : 0, reason || (wasOpen ? '' : this.reason));
    if (!wasOpen && reason === '') this.#diagnose();
  }

  /** Show why no connection opens, if that can be found out before the next attempt. */
  async #diagnose() {
    const attempt = this.#attempt;
    const reason = await diagnose(this.#url, this.#token);
    if (attempt === this.#attempt && this.state === 'waiting') this.#setState('waiting', reason);
  }

  /** @param {number} minimum ms. @param {string} reason */
  #pause(minimum, reason) {
    const delay = this.#backOff.next(minimum);
    this.retryAt = performance.now() + delay;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#connect(), delay);
    this.#setState('waiting', reason);
  }

  /** Abandon the connection, and open another one after a pause. @param {string} reason */
  #reconnect(reason) {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    if (this.state !== 'off') this.#pause(0, reason);
  }

  #checkSilence() {
    const silence = performance.now() - this.#lastReceived;
    if (this.state === 'connecting' && this.#socket && silence > OPENING_MS) this.#reconnect('');
    const limit = this.waitsFor === '' ? SILENCE_MS : DELAYED_MS;
    if (this.state === 'open' && this.#inFlight.length > 0 && silence > limit) this.#reconnect('');
  }

  #retryNow() {
    if (this.state !== 'waiting' || document.hidden) return;
    clearTimeout(this.#retry);
    this.#connect();
  }

  /** @param {LinkState} state @param {string} reason @param {string} waitsFor */
  #setState(state, reason = '', waitsFor = '') {
    if (state === this.state && reason === this.reason && waitsFor === this.waitsFor) return;
    this.state = state;
    this.reason = reason;
    this.waitsFor = waitsFor;
    this.#handlers.onState();
  }
}
