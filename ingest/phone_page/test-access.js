/** Read-only access for tests, as `window.harPhone`. */

/** @param {import('./phone.js').Phone} phone */
export function exposeToTests(phone) {
  /** @type {[string, number, number, number, number][]} */
  const recorded = [];
  // Only on request: the readings of a long recording would fill the memory.
  if (new URLSearchParams(location.search).get('record') === '1') {
    phone.recording.onReading = (session, time, x, y, z) => recorded.push([session, time, x, y, z]);
  }
  const access = {
    /** @returns {[string, number, number, number, number][]} Session, time (µs), x, y, z (m/s²), with `?record=1`. */
    recorded: () => recorded.map((reading) => [...reading]),
    state: () => ({
      device: phone.account.device,
      isRecording: phone.isRecording,
      isPrivate: phone.settings.isPrivate,
      release: phone.classification?.release?.name ?? null,
      session: phone.session,
      link: phone.sending?.link.state ?? 'off',
      waiting: phone.sending?.samples.count ?? 0,
      waitingActivities: phone.sending?.activities.count ?? 0,
      bytes: phone.sending?.samples.bytes ?? 0,
      accepted: phone.sending?.accepted ?? 0,
      rejected: phone.sending?.rejected ?? 0,
      lostSeconds: phone.losses.seconds,
      labelsWaiting: phone.labels.waiting,
      compared: phone.predictions.compared,
      agreeing: phone.predictions.agreeing,
      milliseconds: phone.classification?.milliseconds ?? null,
      screen: phone.recording.screen.state,
    }),
  };
  Object.defineProperty(window, 'harPhone', { value: Object.freeze(access) });
}
