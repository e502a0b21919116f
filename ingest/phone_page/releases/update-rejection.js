/** Why a release was not taken from the store. Whatever it is, the release that runs is kept. */

/**
 * @typedef {'unreachable' | 'slow' | 'too long' | 'expired' | 'rolled back' | 'unsigned' | 'changed' | 'contradictory'
 *   | 'unusable'} Reason As docs/store.md explains them.
 */

export class UpdateRejectedError extends Error {
  name = 'UpdateRejectedError';

  /**
   * @param {Reason} reason
   * @param {string} detail What was found, and what was expected.
   * @param {ErrorOptions} [options] With the error that led to it.
   */
  constructor(reason, detail, options) {
    super(`update rejected (${reason}): ${detail}`, options);
    this.reason = reason;
    this.detail = detail;
  }
}

/**
 * @param {unknown} condition What must be true.
 * @param {Reason} reason Why it is rejected otherwise.
 * @param {string} detail What was found, and what was expected.
 * @returns {asserts condition}
 */
export function rejectUnless(condition, reason, detail) {
  if (!condition) throw new UpdateRejectedError(reason, detail);
}

/** @param {unknown} error @returns {string} */
export function textOf(error) {
  return error instanceof Error ? error.message : String(error);
}
