/** What tests may read of the page; nothing can be changed by it. */

/** @param {import('./phone.js').Phone} phone */
export function offerToTests(phone) {
  /** @type {[string, number, number, number, number][]} */
  const recorded = [];
  // All readings of this page load would be too many to keep otherwise.
  if (new URLSearchParams(location.search).get('record') === '1') {
    phone.onReading = (session, time, x, y, z) => recorded.push([session, time, x, y, z]);
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
      compared: phone.answers.compared,
      agreeing: phone.answers.agreeing,
      milliseconds: phone.classification?.milliseconds ?? null,
      screen: phone.screen.state,
    }),
  };
  Object.defineProperty(window, 'harPhone', { value: Object.freeze(access) });
}
