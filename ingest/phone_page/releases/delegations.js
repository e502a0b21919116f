/** Whom a role lets sign which targets. */

import { rejectUnless } from './update-rejection.js';

/** @typedef {import('./metadata-signatures.js').Signers} Signers */

const TOP_LEVEL = new Set(['root', 'timestamp', 'snapshot', 'targets']);

/**
 * Say whom a role delegates a target to.
 *
 * @param {string} path The target's.
 * @param {any} delegations As a role has them; undefined if it delegates nothing.
 * @param {string} delegator
 * @returns {{delegated: Signers[], terminating: boolean}} Whom to ask for the target, and whether nobody else.
 */
export function delegatedFor(path, delegations, delegator) {
  /** @type {Signers[]} */
  const delegated = [];
  if (delegations === undefined) return { delegated, terminating: false };
  rejectUnless(Array.isArray(delegations.roles), 'unusable', `${delegator} delegates in a way that is not known here`);
  for (const { name, paths, terminating, keyids, threshold } of delegations.roles) {
    rejectUnless(Array.isArray(paths), 'unusable', `${delegator} delegates to ${name} in a way that is not known here`);
    rejectUnless(!TOP_LEVEL.has(name), 'contradictory', `${delegator} delegates to ${name}, which the root does`);
    if (!paths.some((pattern) => matches(path, String(pattern)))) continue;
    delegated.push({ role: String(name), keys: delegations.keys, keyids, threshold });
    if (terminating) return { delegated, terminating: true };
  }
  return { delegated, terminating: false };
}

/**
 * @param {string} path
 * @param {string} pattern In which * stands for any characters and ? for one, but never for a slash.
 * @returns {boolean}
 */
function matches(path, pattern) {
  rejectUnless(!pattern.includes('['), 'unusable', `the pattern ${pattern} is not known here`);
  const literal = pattern.replace(/[\\^$.|+()\]{}]/g, '\\$&');
  return new RegExp(`^${literal.replaceAll('*', '[^/]*').replaceAll('?', '[^/]')}$`, 's').test(path);
}
