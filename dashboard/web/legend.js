/** The legend: colours and device counts of the activities; it is also a filter. */

import { allStyles, glyphOf } from './styles.js';

export class Legend {
  /** @type {Map<string, HTMLButtonElement>} */
  #buttons = new Map();
  /** @type {Set<string>} */
  #chosen = new Set();

  /**
   * @param {HTMLElement} container
   * @param {(chosen: Set<string>) => void} onChoice Receives the chosen activities when they change.
   */
  constructor(container, onChoice) {
    this.container = container;
    this.onChoice = onChoice;
  }

  /** @param {Map<string, number>} counts Number of devices by activity. */
  render(counts) {
    for (const style of allStyles()) {
      const button = this.#buttons.get(style.name) ?? this.#add(style);
      const count = String(counts.get(style.name) ?? 0);
      const shown = /** @type {HTMLElement} */ (button.lastElementChild);
      if (shown.textContent !== count) shown.textContent = count;
      button.classList.toggle('none', count === '0');
    }
  }

  /** @param {import('./styles.js').ActivityStyle} style @returns {HTMLButtonElement} */
  #add(style) {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'chip';
    button.setAttribute('aria-pressed', 'false');
    button.style.setProperty('--activity', style.colour);
    button.append(part('swatch', glyphOf(style)), part('title', style.title), part('count', '0'));
    button.firstElementChild?.setAttribute('aria-hidden', 'true');
    button.addEventListener('click', () => this.#toggle(style.name, button));
    this.#buttons.set(style.name, button);
    this.container.append(button);
    return button;
  }

  /** @param {string} activity @param {HTMLButtonElement} button */
  #toggle(activity, button) {
    const chosen = !this.#chosen.has(activity);
    if (chosen) this.#chosen.add(activity);
    else this.#chosen.delete(activity);
    button.setAttribute('aria-pressed', String(chosen));
    this.onChoice(new Set(this.#chosen));
  }
}

/** @param {string} name @param {string} text @returns {HTMLElement} */
function part(name, text) {
  const element = document.createElement('span');
  element.className = name;
  element.textContent = text;
  return element;
}
