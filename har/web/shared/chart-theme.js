/** Colours of the charts, from the custom properties in base.css. */

export const theme = { x: '', y: '', z: '', text: '', grid: '', track: '' };

/** Read the colours: before the first chart is drawn, and when the colour scheme changes. */
export function readTheme() {
  const computed = getComputedStyle(document.documentElement);
  for (const name of /** @type {(keyof typeof theme)[]} */ (Object.keys(theme))) {
    theme[name] = computed.getPropertyValue(`--chart-${name}`).trim();
  }
}
