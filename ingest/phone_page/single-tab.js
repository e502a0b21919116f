/** A lock that lets only one tab of the browser record and send, because all tabs share the outbox. */

const NAME = 'har-phone';

/**
 * Acquire the lock and hold it until this tab is closed.
 *
 * @param {() => void} onBusy Called if another tab holds the lock.
 * @returns {Promise<void>} When this tab holds the lock.
 */
export function acquireTabLock(onBusy) {
  // Pages without HTTPS have no locks; they get no motion either.
  if (!navigator.locks) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const hold = () => {
      resolve();
      return new Promise(() => {});
    };
    const attempt = navigator.locks.request(NAME, { ifAvailable: true }, (lock) => {
      if (lock) return hold();
      onBusy();
      navigator.locks.request(NAME, hold).catch(reject);
      return undefined;
    });
    attempt.catch(reject);
  });
}
