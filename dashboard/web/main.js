/** Entry point of the live page: applies the server's updates to the views. */

import { Announcer } from './announcer.js';
import { Commands } from './commands.js';
import { Connection } from './connection.js';
import { DeviceGrid } from './device-grid.js';
import { EnrolDialog } from './enrol-dialog.js';
import { LabelDialog } from './label-dialog.js';
import { Legend } from './legend.js';
import { readTheme } from './shared/chart-theme.js';
import { byId, inputById, write } from './shared/elements.js';
import { explain } from './shared/signal-reasons.js';
import { counted, withKind } from './shared/wording.js';
import { StatusBar } from './status-bar.js';
import { addStyles, styleOf } from './styles.js';

const localNow = () => performance.now() * 1000;
const reducedMotion = matchMedia('(prefers-reduced-motion: reduce)');
const dark = matchMedia('(prefers-color-scheme: dark)');

/** The server's clock minus the page's, µs. */
let clockOffset = 0;
let historySeconds = 300;
let hasData = false;
/** @type {import('./styles.js').ActivityStyle[]} Activities for labels. If there are any, phones can also be added. */
let labels = [];

readTheme();
const statusBar = new StatusBar();
const announcer = new Announcer(byId('announcer'));
const grid = new DeviceGrid(byId('grid'), /** @type {HTMLTemplateElement} */ (byId('card-template')), {
  localNow,
  serverNow: () => localNow() + clockOffset,
  isAnimated: () => !reducedMotion.matches,
  historySeconds: () => historySeconds,
  canLabel: () => labels.length > 0,
  openLabelDialog: (device) => labelDialog.open(device, labels),
});
const commands = new Commands();
const labelDialog = new LabelDialog(commands);
const enrolDialog = new EnrolDialog(commands);
byId('add-phone').addEventListener('click', () => enrolDialog.open());
const legend = new Legend(byId('legend'), (chosen) => {
  grid.filterActivities(chosen);
  showCounts();
});

/** @param {any} update `BrowserUpdate` from the server. */
function receive(update) {
  clockOffset = update.now - localNow();
  historySeconds = update.history_seconds;
  addStyles(update.styles ?? []);
  if (update.snapshot) grid.keepOnly(update.snapshot);
  grid.remove(update.removed ?? []);
  for (const changes of update.devices ?? []) {
    if (grid.apply(changes) && !changes.complete) {
      const title = withKind(styleOf(changes.activity).title, changes.kind);
      announcer.add(changes.device, changes.reason ? `${title}: ${explain(changes.reason)}` : title);
    }
  }
  hasData = true;
  labels = update.status.labels;
  byId('add-phone').hidden = labels.length === 0;
  statusBar.showStatus(update.status, update.now);
  showCounts();
}

function showCounts() {
  legend.render(grid.activityCounts());
  byId('empty').hidden = !hasData || grid.size > 0;
  const { shown, size } = grid;
  const text = shown === size ? '' : `${shown} of ${counted(size, 'device')}`;
  write('shown', text);
}

const filter = inputById('filter');
filter.addEventListener('input', () => {
  grid.filterText(filter.value);
  showCounts();
});
dark.addEventListener('change', () => {
  readTheme();
  grid.redraw();
});

/** @param {string} path @returns {string} */
function streamUrl(path) {
  const url = new URL(path, location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}

new Connection(streamUrl('./live'), {
  onMessage: receive,
  onState: (state, retryAt, reason) => statusBar.showConnection(state, retryAt, reason),
}).start();
