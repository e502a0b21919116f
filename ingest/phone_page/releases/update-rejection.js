/** The error for a rejected update. The page keeps the running release after any of them. */

/**
 * @typedef {'unreachable' | 'slow' | 'too long' | 'expired' | 'rolled back' | 'unsigned' | 'changed' | 'contradictory'
 *   | 'unusable'} Reason See docs/store.md.
 */

export class UpdateRejectedError extends Error {
  name = 'UpdateRejectedError';

  /**
   * @param {Reason} reason
   * @param {string} detail What was found, and what was expected.
   * @param {ErrorOptions} [options] With the cause.
   */
  constructor(reason, detail, options) {
    super(`update rejected (${reason}): ${detail}`, options);
    this.reason = reason;
    this.detail = detail;
  }
}

/**
 * @param {unknown} condition What must be true.
 * @param {Reason} reason Of the error otherwise.
 * @param {string} detail What was found, and what was expected.
 * @returns {asserts condition}
 * @throws {UpdateRejectedError}
 */
export function rejectUnless(condition, reason, detail) {
  if (!condition) throw new UpdateRejectedError(reason, detail);
}

/** @param {unknown} error @returns {string} */
export function textOf(error) {
  return error instanceof Error ? error.message : String(error);
}
