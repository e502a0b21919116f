/** What the page asks the server to have done: one answer for each command, over a WebSocket that opens when needed. */

const TIMEOUT_MS = 45_000;

/**
 * @typedef {object} Answer
 * @property {boolean} done Whether it was done.
 * @property {any} answer What the gateway said; `detail` tells in words why not.
 */

export class Commands {
  /** @type {Promise<WebSocket> | null} */
  #socket = null;
  /** @type {Map<number, (answer: Answer) => void>} */
  #waiting = new Map();
  #last = 0;

  /** @param {string} url */
  constructor(url) {
    this.url = url;
  }

  /**
   * @param {'label' | 'label now' | 'invite'} act
   * @param {object} document
   * @returns {Promise<Answer>}
   */
  async send(act, document) {
    this.#last += 1;
    const id = this.#last;
    try {
      const socket = await this.#open();
      return await new Promise((resolve) => {
        const timer = setTimeout(() => this.#settle(id, unreachable()), TIMEOUT_MS);
        this.#waiting.set(id, (answer) => {
          clearTimeout(timer);
          resolve(answer);
        });
        socket.send(JSON.stringify({ id, act, document }));
      });
    } catch {
      return unreachable();
    }
  }

  #open() {
    this.#socket ??= new Promise((resolve, reject) => {
      const socket = new WebSocket(this.url);
      socket.onopen = () => resolve(socket);
      socket.onmessage = (event) => {
        const answer = JSON.parse(event.data);
        this.#settle(answer.id, answer);
      };
      socket.onclose = () => {
        this.#socket = null;
        for (const id of [...this.#waiting.keys()]) this.#settle(id, unreachable());
        reject(new Error('closed'));
      };
    });
    return this.#socket;
  }

  /** @param {number} id @param {Answer} answer */
  #settle(id, answer) {
    const tell = this.#waiting.get(id);
    this.#waiting.delete(id);
    tell?.(answer);
  }
}

/** @returns {Answer} */
function unreachable() {
  return { done: false, answer: { detail: 'The dashboard cannot be reached. Try again.' } };
}
