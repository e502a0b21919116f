/** HTTP requests to the server: labels and invitations. */

/** Longer than the server waits for the gateway. */
const TIMEOUT_MS = 45_000;

/**
 * @typedef {object} Answer
 * @property {boolean} done Whether the gateway accepted the request.
 * @property {any} answer The gateway's answer; if the request was not accepted, `detail` is the reason as text.
 */

export class Commands {
  /**
   * Label an interval, or correct or withdraw its label.
   *
   * @param {object} label
   */
  label(label) {
    return post('./v1/labels', label);
  }

  /**
   * Label what a device's wearer does from now on, or end such a label.
   *
   * @param {object} label
   */
  labelNow(label) {
    return post('./v1/labels/now', label);
  }

  /**
   * List the activities that a device can be labelled with.
   *
   * @param {string} device
   */
  activities(device) {
    return request(`./v1/labels/activities?${new URLSearchParams({ device })}`, {});
  }

  /**
   * Invite a phone.
   *
   * @param {string} name
   */
  invite(name) {
    return post('./v1/devices', { name });
  }
}

/** @param {string} path @param {object} content @returns {Promise<Answer>} */
function post(path, content) {
  return request(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(content),
  });
}

/** @param {string} path @param {RequestInit} options @returns {Promise<Answer>} */
async function request(path, options) {
  try {
    const response = await fetch(path, { ...options, signal: AbortSignal.timeout(TIMEOUT_MS) });
    return { done: response.ok, answer: await response.json() };
  } catch {
    return { done: false, answer: { detail: 'The dashboard cannot be reached. Try again.' } };
  }
}
