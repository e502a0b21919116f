/** Access to a page's elements. */

import { withKind } from './wording.js';

/** @param {string} id @returns {HTMLElement} */
export function byId(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/** @param {string} id @returns {HTMLInputElement} */
export function inputById(id) {
  return /** @type {HTMLInputElement} */ (document.getElementById(id));
}

/**
 * Write text, unless it is unchanged: screen readers would announce it again.
 *
 * @param {string | Element | null} target An element, or its id.
 * @param {string} text
 */
export function write(target, text) {
  const element = typeof target === 'string' ? byId(target) : target;
  if (element && element.textContent !== text) element.textContent = text;
}

/**
 * @param {string} tag
 * @param {string} className
 * @param {string} text
 * @returns {HTMLElement}
 */
export function part(tag, className, text) {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

/**
 * Show rows of text as a list; unchanged rows are not touched.
 *
 * @param {Element} list
 * @param {string[]} texts
 * @param {string} tag
 * @param {string} className
 */
export function writeRows(list, texts, tag, className) {
  while (list.children.length > texts.length) list.lastElementChild?.remove();
  for (const [at, text] of texts.entries()) {
    if (list.children[at]) write(list.children[at], text);
    else list.append(part(tag, className, text));
  }
}

/**
 * Show an activity, and in smaller letters the kind of background that it is, such as "Unknown – perhaps lying still on a table".
 *
 * @param {Element | null} element
 * @param {string} title Of the activity.
 * @param {string} kind In words; empty without a kind.
 */
export function writeActivity(element, title, kind) {
  if (element === null || element.textContent === withKind(title, kind)) return;
  element.replaceChildren(title, ...(kind ? [' ', part('span', 'kind', withKind('', kind).trimStart())] : []));
}
