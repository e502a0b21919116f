/** How far sessions are with their upright references; a test holds it equal to `dashboard/upright_progress.py`. */

/**
 * @typedef {import('../shared/upright-words.js').UprightProgress} UprightProgress
 *
 * @typedef {object} Known What the progress depends on, of the session's reference after a window.
 * @property {number} windows Number of walking windows in the reference; 0 without one.
 * @property {number} others Number of the latest walking windows that agree with each other and not with the reference.
 * @property {number | null} latestUs Start of the latest window that was judged, µs since the epoch.
 * @property {number} [needed] How many windows a reference needs; missing if that is not known.
 *
 * @typedef {[upright: number[], windows: number, other: number[], others: number, contrary: number, latestUs: number | null]} SentReference
 *   A reference in a prediction of the server.
 */

/**
 * @param {SentReference | null} [sent]
 * @returns {Known | null} Null if nothing is known.
 */
export function knownOf(sent) {
  if (!sent) return null;
  const [, windows, , others, , latestUs] = sent;
  return { windows, others, latestUs };
}

/**
 * @param {{start: number, lean?: number | null}} prediction Of a window that was classified.
 * @param {Known | null} known After the window.
 * @returns {UprightProgress | null} Null if the window was not judged: the release has no rule, or its start was not later.
 */
export function progressOf({ start, lean = null }, known) {
  if (known === null || known.latestUs !== start) return null;
  const { windows, others, needed } = known;
  if (windows === 0) return { state: 'learning', windows: others, needed };
  return lean === null && others > 0 ? { state: 'doubted', windows: others, needed } : { state: 'known', windows };
}

/** Follows the sessions that one side predicts, the server or the phone. */
export class UprightFollower {
  #session = '';
  /** @type {UprightProgress | null} Of the newest prediction's session. */
  progress = null;

  /**
   * @param {{session: string, start: number, lean?: number | null, reason?: string | null}} prediction The newest.
   * @param {Known | null} known After its window.
   */
  follow(prediction, known) {
    if (prediction.session !== this.#session) this.progress = null;
    this.#session = prediction.session;
    if (prediction.reason) return; // the reference stays as it is
    this.progress = progressOf(prediction, known);
  }
}

/**
 * @param {(UprightProgress | null)[]} sides
 * @returns {UprightProgress | null} That of the side for which the wearer should walk; of equals, the last one.
 */
export function leastProgress(sides) {
  const order = ['known', 'doubted', 'learning'];
  const rank = (/** @type {UprightProgress | null} */ side) => (side ? order.indexOf(side.state) : -1);
  return sides.reduce((least, side) => (rank(side) >= rank(least) ? side : least), null);
}
