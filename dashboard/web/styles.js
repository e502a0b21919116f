/** Titles, colours and symbols of the activities. */

/**
 * @typedef {object} ActivityStyle
 * @property {string} name As in predictions.
 * @property {string} title Shown on the page.
 * @property {string} colour A CSS colour.
 * @property {string} symbol One emoji.
 */

/** @type {Map<string, ActivityStyle>} */
const styles = new Map();

/** @param {ActivityStyle[]} added From the server. */
export function addStyles(added) {
  for (const style of added) styles.set(style.name, style);
}

/**
 * @param {string} activity
 * @returns {ActivityStyle} Its style; a grey one without a symbol if the server sent none.
 */
export function styleOf(activity) {
  return styles.get(activity) ?? { name: activity, title: activity, colour: '#8a8f98', symbol: '' };
}

/** @returns {ActivityStyle[]} All styles, in order of arrival. */
export function allStyles() {
  return [...styles.values()];
}

/** @type {Map<string, string>} */
const glyphs = new Map();

/**
 * @param {ActivityStyle} style
 * @returns {string} Its symbol, or two letters of its title if no installed font has the symbol.
 */
export function glyphOf(style) {
  let glyph = glyphs.get(style.name);
  if (glyph === undefined) {
    glyph = style.symbol && canDraw(style.symbol) ? style.symbol : initials(style.title);
    glyphs.set(style.name, glyph);
  }
  return glyph;
}

/** @param {string} title @returns {string} Two letters, such as "Si" for Sitting and "SU" for Stairs up. */
function initials(title) {
  const [first = '', second] = title.split(/\s+/);
  return second ? (first.charAt(0) + second.charAt(0)).toUpperCase() : first.slice(0, 2);
}

/** @type {OffscreenCanvasRenderingContext2D | null} */
let probe = null;

/**
 * Return whether a font has the symbol. Without one, it looks like a character that does not exist.
 *
 * @param {string} symbol
 * @returns {boolean}
 */
function canDraw(symbol) {
  probe ??= new OffscreenCanvas(32, 32).getContext('2d', { willReadFrequently: true });
  return pixels(symbol) !== pixels('\u{10FFFF}');
}

/** @param {string} text @returns {string} The pixels of the drawn text. */
function pixels(text) {
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (probe);
  context.clearRect(0, 0, 32, 32);
  context.font = '20px system-ui, sans-serif';
  context.textBaseline = 'top';
  context.fillText(text, 2, 4);
  return context.getImageData(0, 0, 32, 32).data.join();
}

/**
 * @param {string} colour `#rrggbb`.
 * @returns {string} Black or white: the colour with more contrast to it.
 */
export function textColourOn(colour) {
  const [red, green, blue] = [1, 3, 5]
    .map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return luminance > 0.179 ? '#000' : '#fff';
}
