/** Delegations of targets roles: which role may sign which targets. */

import { rejectUnless } from './update-rejection.js';

/** @typedef {import('./metadata-signatures.js').Signers} Signers */

const TOP_LEVEL = new Set(['root', 'timestamp', 'snapshot', 'targets']);

/**
 * Return the roles that a role delegates a target to.
 *
 * @param {string} path The target's path.
 * @param {any} delegations From the role's metadata; undefined if it delegates nothing.
 * @param {string} delegator The role's name.
 * @returns {{delegated: Signers[], terminating: boolean}} The roles in order of appearance; whether the last one is a
 *   terminating delegation, so that no other role may be searched.
 * @throws {UpdateRejectedError} If the delegations are malformed, or of a kind that this page does not support.
 */
export function delegatedFor(path, delegations, delegator) {
  /** @type {Signers[]} */
  const delegated = [];
  if (delegations === undefined) return { delegated, terminating: false };
  rejectUnless(Array.isArray(delegations.roles), 'unusable', `${delegator} uses unsupported delegations`);
  for (const { name, paths, terminating, keyids, threshold } of delegations.roles) {
    rejectUnless(Array.isArray(paths), 'unusable', `${delegator} delegates to ${name} without paths`);
    rejectUnless(!TOP_LEVEL.has(name), 'contradictory', `${delegator} delegates to the top-level role ${name}`);
    if (!paths.some((pattern) => matches(path, String(pattern)))) continue;
    delegated.push({ role: String(name), keys: delegations.keys, keyids, threshold });
    if (terminating) return { delegated, terminating: true };
  }
  return { delegated, terminating: false };
}

/**
 * @param {string} path
 * @param {string} pattern `*` matches any characters and `?` one character, but neither matches a slash.
 * @returns {boolean}
 */
function matches(path, pattern) {
  rejectUnless(!pattern.includes('['), 'unusable', `the pattern ${pattern} is not supported`);
  const literal = pattern.replace(/[\\^$.|+()\]{}]/g, '\\$&');
  return new RegExp(`^${literal.replaceAll('*', '[^/]*').replaceAll('?', '[^/]')}$`, 's').test(path);
}
