/** The gateway's configuration. */

/**
 * @typedef {object} Activity
 * @property {string} name
 * @property {string} title
 * @property {string} colour
 *
 * @typedef {object} Configuration
 * @property {Activity[]} activities
 * @property {'required' | 'open'} enrolment Whether phones must enrol.
 * @property {boolean} store Whether the gateway serves releases.
 * @property {number} batch_milliseconds Time span of a batch of readings, ms.
 */

/**
 * Fetch the configuration and store it; without a connection, return the stored one.
 *
 * @param {import('./sending/database.js').NamedValues} values
 * @returns {Promise<Configuration | null>} Null if none is stored.
 */
export async function loadConfiguration(values) {
  try {
    const response = await fetch('./configuration.json', { cache: 'no-cache', signal: AbortSignal.timeout(5_000) });
    if (response.ok) {
      const configuration = await response.json();
      await values.set('configuration', configuration);
      return configuration;
    }
    console.warn(`could not fetch configuration.json: status ${response.status}; using the stored one`);
  } catch (error) {
    console.warn('could not reach the gateway; using the stored configuration', error);
  }
  return (await values.get('configuration')) ?? null;
}
