/** The WebSocket to the server: opens it, and opens it again by itself whenever it is gone. */

const FIRST_DELAY_MS = 400;
const LONGEST_DELAY_MS = 15_000;
/** The server says something every second; after this much silence the connection is taken for dead. */
const SILENCE_MS = 6_000;

/**
 * @typedef {'connecting' | 'open' | 'waiting'} ConnectionState
 *
 * @typedef {object} ConnectionHandlers
 * @property {(message: any) => void} onMessage A message, parsed.
 * @property {(state: ConnectionState, retryAt: number) => void} onState The state changed; `retryAt` is when
 *   the next attempt is due, by `performance.now()`.
 */

export class Connection {
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {number | undefined} */
  #retry;
  #failures = 0;
  #heard = 0;

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
    this.#heard = performance.now();
    // A socket that was given up may still report: only the present one counts.
    socket.onmessage = (event) => {
      if (socket === this.#socket) this.#receive(event.data);
    };
    socket.onclose = () => {
      if (socket === this.#socket) this.#lost();
    };
  }

  /** @param {string} data */
  #receive(data) {
    this.#heard = performance.now();
    const first = this.#failures !== 0 || document.documentElement.dataset.connection !== 'open';
    this.handlers.onMessage(JSON.parse(data));
    this.#failures = 0;
    if (first) this.handlers.onState('open', 0);
  }

  #lost() {
    this.#socket = null;
    const ceiling = Math.min(FIRST_DELAY_MS * 2 ** this.#failures, LONGEST_DELAY_MS);
    // The jitter keeps many pages from coming back to a restarted server all at once.
    const delay = ceiling * (0.5 + Math.random() / 2);
    this.#failures += 1;
    this.#retry = setTimeout(() => this.#open(), delay);
    this.handlers.onState('waiting', performance.now() + delay);
  }

  #checkSilence() {
    if (this.#socket === null || performance.now() - this.#heard < SILENCE_MS) return;
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
