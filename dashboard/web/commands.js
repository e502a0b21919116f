/** What the page asks the server to change: labels and invitations, by HTTP. */

/** Longer than the server waits for the gateway. */
const TIMEOUT_MS = 45_000;

/**
 * @typedef {object} Answer
 * @property {boolean} done Whether the gateway did it.
 * @property {any} answer What the gateway answered; of an error, `detail` is the reason in words.
 */

export class Commands {
  /**
   * Labels an interval, or corrects or takes back its label.
   *
   * @param {object} label
   */
  label(label) {
    return post('./v1/labels', label);
  }

  /**
   * Labels what a device's wearer does from now on, or ends such a label.
   *
   * @param {object} label
   */
  labelNow(label) {
    return post('./v1/labels/now', label);
  }

  /**
   * Invites a phone.
   *
   * @param {string} name
   */
  invite(name) {
    return post('./v1/devices', { name });
  }
}

/** @param {string} path @param {object} content @returns {Promise<Answer>} */
async function post(path, content) {
  try {
    const response = await fetch(path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(content),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return { done: response.ok, answer: await response.json() };
  } catch {
    return { done: false, answer: { detail: 'The dashboard cannot be reached. Try again.' } };
  }
}
