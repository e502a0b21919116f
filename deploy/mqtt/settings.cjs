/**
 * Node-RED's settings for the bridge from MQTT to the gateway. It has no editor and listens on no port.
 *
 * HAR_MQTT_TOKENS names a JSON file with the gateway's token of each phone, by login: {"annas-phone": "eyJ…"}. Only
 * the bridge needs to read it.
 */

const { readFileSync } = require('node:fs');
const process = require('node:process');

module.exports = {
  flowFile: 'flows.json',
  userDir: process.cwd(),
  readOnly: true,
  // flows_cred.json has no secret, only the name of the variable that holds it.
  credentialSecret: false,
  httpAdminRoot: false,
  httpNodeRoot: false,
  externalModules: { autoInstall: false, palette: { allowInstall: false }, modules: { allowInstall: false } },
  functionGlobalContext: { tokens: JSON.parse(readFileSync(process.env.HAR_MQTT_TOKENS, 'utf8')) },
  logging: { console: { level: 'info', metrics: false, audit: false } },
};
