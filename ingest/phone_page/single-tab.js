/** Only one tab of a browser may record and send: the outbox is shared, and its order must not be mixed. */

const NAME = 'har-phone';

/**
 * @param {() => void} onElsewhere Called if another tab has the page's work; this one takes over when it is closed.
 * @returns {Promise<void>} Once this tab has it, until it is closed.
 */
export function becomeTheOnlyTab(onElsewhere) {
  // Pages that are not secure have no locks, and no motion either.
  if (!navigator.locks) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const hold = () => {
      resolve();
      return new Promise(() => {});
    };
    const tried = navigator.locks.request(NAME, { ifAvailable: true }, (lock) => {
      if (lock) return hold();
      onElsewhere();
      navigator.locks.request(NAME, hold).catch(reject);
      return undefined;
    });
    tried.catch(reject);
  });
}
