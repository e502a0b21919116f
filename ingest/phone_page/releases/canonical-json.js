/**
 * JSON as signatures cover it: OLPC's canonical form (http://wiki.laptop.org/go/Canonical_JSON), as python-tuf writes
 * it. Keys are sorted by code point, nothing is between the tokens, of strings only quotes and backslashes are
 * escaped, and numbers are whole.
 *
 * Two documents that mean something different must never have one form. So what JavaScript cannot hold exactly
 * (numbers of 2^53 and more) or cannot encode (half a surrogate pair, which TextEncoder would replace) is rejected.
 */

/** No metadata is nested deeper. */
const MAX_DEPTH = 32;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * @param {Uint8Array<ArrayBuffer>} bytes JSON in UTF-8.
 * @returns {any}
 * @throws {SyntaxError | TypeError} If it is none.
 */
export function parseJson(bytes) {
  return JSON.parse(decoder.decode(bytes));
}

/**
 * @param {unknown} value What JSON was parsed to.
 * @returns {Uint8Array<ArrayBuffer>} Its canonical form, in UTF-8.
 * @throws {TypeError} If it has none.
 */
export function canonicalJson(value) {
  return encoder.encode(written(value, MAX_DEPTH));
}

/**
 * @param {unknown} value
 * @param {number} depth How much deeper it may be nested.
 * @returns {string}
 */
function written(value, depth) {
  if (depth < 0) throw new TypeError(`JSON that is nested more than ${MAX_DEPTH} times has no signature`);
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new TypeError(`${value} is no whole number below 2^53`);
    return String(value);
  }
  if (Array.isArray(value)) return `[${value.map((item) => written(item, depth - 1)).join(',')}]`;
  const object = /** @type {Record<string, unknown>} */ (value);
  const members = Object.keys(object).sort(byCodePoint);
  return `{${members.map((key) => `${quoted(key)}:${written(object[key], depth - 1)}`).join(',')}}`;
}

/** @param {string} text @returns {string} */
function quoted(text) {
  if (!text.isWellFormed()) throw new TypeError('half a surrogate pair is no text');
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/**
 * @param {string} one
 * @param {string} other
 * @returns {number} Below 0 if `one` comes first; sort() itself would compare UTF-16 units.
 */
function byCodePoint(one, other) {
  const left = [...one];
  const right = [...other];
  for (let at = 0; at < Math.min(left.length, right.length); at += 1) {
    if (left[at] !== right[at]) return codePoint(left[at]) - codePoint(right[at]);
  }
  return left.length - right.length;
}

/** @param {string} character @returns {number} */
function codePoint(character) {
  return /** @type {number} */ (character.codePointAt(0));
}
