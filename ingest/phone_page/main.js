/** Entry point of the phone page: creates the phone and its views. */

import { loadConfiguration } from './configuration.js';
import { NamedValues, openDatabase } from './sending/database.js';
import { DeviceAccount } from './sending/device-account.js';
import { byId, write } from './shared/elements.js';
import { EnrolmentView, takeCode } from './views/enrolment-view.js';
import { LabelsView } from './views/labels-view.js';
import { NoticesView, showNotice } from './views/notices-view.js';
import { Phone } from './phone.js';
import { PocketMode } from './views/pocket-mode.js';
import { PredictionsView } from './views/predictions-view.js';
import { RecordingView } from './views/recording-view.js';
import { SendingView } from './views/sending-view.js';
import { SettingsView } from './views/settings-view.js';
import { acquireTabLock } from './single-tab.js';
import { exposeToTests } from './test-access.js';
import { TeachingView } from './views/teaching-view.js';
import { TraceView } from './views/trace-view.js';

const RENDER_MS = 500;
const code = takeCode();
const gateway = new URL('../v1/', location.href);

async function open() {
  await acquireTabLock(() => {
    write('connection-text', 'Open in another tab');
    showNotice('This page is open in another tab, and only one may record. Close that tab to continue here.');
  });
  byId('notices').replaceChildren();
  const database = await openDatabase();
  const values = new NamedValues(database);
  const configuration = await loadConfiguration(values);
  if (configuration === null) {
    write('connection-text', 'No gateway');
    showNotice('The gateway cannot be reached. The first visit needs a connection: check it and reload the page.');
    return;
  }
  const account = await DeviceAccount.open(
    values,
    new URL('devices', gateway).href,
    configuration.enrolment !== 'open',
  );
  if (!account.isEnrolled && !account.needsToken) await account.setName(randomName());
  const phone = await Phone.open({ database, configuration, account, gateway });
  show(phone);
  exposeToTests(phone);
}

/** @param {Phone} phone */
function show(phone) {
  const notices = new NoticesView(phone);
  const enrolment = new EnrolmentView(phone.account);
  const showFault = (/** @type {string} */ text) => {
    notices.fault = text;
    notices.render();
  };
  const views = [
    notices,
    enrolment,
    new RecordingView(phone),
    new LabelsView(phone, showFault),
    new PredictionsView(phone),
    new TeachingView(phone),
    new TraceView(phone),
    new SendingView(phone),
    new SettingsView(phone, showFault),
    new PocketMode(phone),
  ];
  let scheduled = false;
  const render = () => {
    scheduled = false;
    write('device', phone.account.device);
    for (const view of views) view.render();
  };
  phone.addEventListener('change', () => {
    if (!scheduled) queueMicrotask(render);
    scheduled = true;
  });
  setInterval(render, RENDER_MS);
  render();
  enrolment.offer(code);
  addEventListener('hashchange', () => {
    enrolment.offer(takeCode());
    render();
  });
}

/** @returns {string} A device name, for a gateway without enrolment. */
function randomName() {
  return `phone-${crypto.getRandomValues(new Uint32Array(1))[0].toString(36).slice(0, 5)}`;
}

// The service worker lets the page open without a connection.
navigator.serviceWorker?.register('./service-worker.js', { updateViaCache: 'none' }).catch((error) => {
  console.warn('could not register the service worker; the page will not open offline', error);
});
open().catch((error) => {
  console.error(error);
  write('connection-text', 'The page could not start');
  showNotice(`The page could not start: ${error.message}. Reload it. If that does not help, clear this site’s data.`);
});
