/**
 * Canonical JSON, which signatures cover: OLPC's form (http://wiki.laptop.org/go/Canonical_JSON), as python-tuf writes
 * it. Keys are sorted by code point, there is no white space between tokens, strings escape only quotes and
 * backslashes, and numbers are integers.
 *
 * Two different documents must never have the same canonical form. Therefore values that JavaScript cannot represent
 * exactly (integers of 2^53 and more) or cannot encode (lone surrogates, which TextEncoder replaces) are rejected.
 */

/** Maximal nesting; TUF metadata needs less. */
const MAX_DEPTH = 32;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * @param {Uint8Array<ArrayBuffer>} bytes JSON in UTF-8.
 * @returns {any}
 * @throws {SyntaxError | TypeError} If the bytes are not JSON in UTF-8.
 */
export function parseJson(bytes) {
  return JSON.parse(decoder.decode(bytes));
}

/**
 * @param {unknown} value Parsed JSON.
 * @returns {Uint8Array<ArrayBuffer>} Its canonical form, in UTF-8.
 * @throws {TypeError} If it has no canonical form.
 */
export function canonicalJson(value) {
  return encoder.encode(serialise(value, MAX_DEPTH));
}

/**
 * @param {unknown} value
 * @param {number} depth How many more levels may follow.
 * @returns {string}
 */
function serialise(value, depth) {
  if (depth < 0) throw new TypeError(`the JSON is nested more than ${MAX_DEPTH} levels deep`);
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new TypeError(`${value} is not an integer below 2^53`);
    return String(value);
  }
  if (Array.isArray(value)) return `[${value.map((item) => serialise(item, depth - 1)).join(',')}]`;
  const object = /** @type {Record<string, unknown>} */ (value);
  const members = Object.keys(object).sort(byCodePoint);
  return `{${members.map((key) => `${quote(key)}:${serialise(object[key], depth - 1)}`).join(',')}}`;
}

/** @param {string} text @returns {string} */
function quote(text) {
  if (!text.isWellFormed()) throw new TypeError('a string has a lone surrogate');
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/**
 * @param {string} one
 * @param {string} other
 * @returns {number} Below 0 if `one` comes first. Without it, sort() compares UTF-16 code units.
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
