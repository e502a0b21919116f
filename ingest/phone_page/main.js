/** The phone page: connects its parts. */

import { AnswersView } from './views/answers-view.js';
import { loadConfiguration } from './configuration.js';
import { NamedValues, openDatabase } from './sending/database.js';
import { DeviceAccount } from './sending/device-account.js';
import { byId, write } from './views/elements.js';
import { EnrolmentView, takeCode } from './views/enrolment-view.js';
import { LabelsView } from './views/labels-view.js';
import { NoticesView, tell } from './views/notices-view.js';
import { Phone } from './phone.js';
import { PocketMode } from './views/pocket-mode.js';
import { RecordingView } from './views/recording-view.js';
import { SendingView } from './views/sending-view.js';
import { SettingsView } from './views/settings-view.js';
import { becomeTheOnlyTab } from './single-tab.js';
import { offerToTests } from './test-access.js';
import { TraceView } from './views/trace-view.js';

const RENDER_MS = 500;
const code = takeCode();
const gateway = new URL('../v1/', location.href);

async function open() {
  await becomeTheOnlyTab(() => {
    write('connection-text', 'Another tab is at work');
    tell('Another tab of this browser has this page open, and only one may record. Close it, and this one goes on.');
  });
  byId('notices').replaceChildren();
  const database = await openDatabase();
  const values = new NamedValues(database);
  const configuration = await loadConfiguration(values);
  if (configuration === null) {
    write('connection-text', 'No gateway');
    tell(
      'The gateway cannot be reached, and this phone has not heard from it yet. Load the page again with a network.',
    );
    return;
  }
  const account = await DeviceAccount.open(
    values,
    new URL('devices', gateway).href,
    configuration.enrolment !== 'open',
  );
  if (!account.isEnrolled && !account.needsToken) await account.name(madeUpName());
  const phone = await Phone.open({ database, configuration, account, gateway });
  show(phone);
  offerToTests(phone);
}

/** @param {Phone} phone */
function show(phone) {
  const notices = new NoticesView(phone);
  const enrolment = new EnrolmentView(phone.account);
  const tellFault = (/** @type {string} */ text) => {
    notices.fault = text;
    notices.render();
  };
  const views = [
    notices,
    enrolment,
    new RecordingView(phone),
    new LabelsView(phone, tellFault),
    new AnswersView(phone),
    new TraceView(phone),
    new SendingView(phone),
    new SettingsView(phone, tellFault),
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

/** @returns {string} A name for a gateway that asks for none. */
function madeUpName() {
  return `phone-${crypto.getRandomValues(new Uint32Array(1))[0].toString(36).slice(0, 5)}`;
}

// The page opens without a network once the service worker has its files.
navigator.serviceWorker?.register('./service-worker.js', { updateViaCache: 'none' }).catch((error) => {
  console.warn('the page will not open without a network', error);
});
open().catch((error) => {
  console.error(error);
  write('connection-text', 'The page could not start');
  tell(`The page could not start: ${error.message}. Load it again; if that does not help, clear this site’s data.`);
});
