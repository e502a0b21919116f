/** What the gateway says of itself; without a network, what it said last. */

/**
 * @typedef {object} Activity
 * @property {string} name
 * @property {string} title
 * @property {string} colour
 *
 * @typedef {object} Configuration
 * @property {Activity[]} activities
 * @property {'required' | 'open'} enrolment
 * @property {boolean} store Whether releases can be pulled from it.
 * @property {number} batch_milliseconds
 */

/**
 * @param {import('./sending/database.js').NamedValues} values
 * @returns {Promise<Configuration | null>} null if it was never heard.
 */
export async function loadConfiguration(values) {
  try {
    const response = await fetch('./configuration.json', { cache: 'no-cache', signal: AbortSignal.timeout(5_000) });
    if (response.ok) {
      const configuration = await response.json();
      await values.set('configuration', configuration);
      return configuration;
    }
    console.warn(`configuration.json: status ${response.status}`);
  } catch (error) {
    console.warn('the gateway cannot be reached; what it said last counts', error);
  }
  return (await values.get('configuration')) ?? null;
}
