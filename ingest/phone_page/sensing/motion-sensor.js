/** The accelerometer, through the browser's `devicemotion` events. */

/** Longest time without a reading before a fault is reported, ms. */
const SILENCE_MS = 3_000;

/** @typedef {'insecure' | 'absent' | 'denied' | 'silent' | 'empty' | 'quiet'} MotionFaultCode */

/** @type {Record<MotionFaultCode, string>} */
const FAULTS = {
  insecure:
    'Browsers allow motion sensors only over HTTPS. Open this page with an address that begins with https://.',
  absent: 'This browser has no motion sensor interface. Open the page in Chrome, Safari or Firefox on a phone.',
  denied:
    'Access to motion was denied. Allow “Motion sensors” for this page in the browser’s site settings, reload the ' +
    'page and press Start. On an iPhone, close the page, open it again and choose Allow.',
  silent:
    'No readings for 3 s. This device has no accelerometer, or the browser blocks it. ' +
    'Use a phone, and allow “Motion sensors” in the browser’s site settings.',
  empty: 'This device has no accelerometer: the browser reports motion without values. Use a phone.',
  quiet: 'The sensor stopped sending readings. Recording continues when this page is visible and the screen is on.',
};

/** A fault of the sensor; its `message` is for the wearer. */
export class MotionFault extends Error {
  /** @param {MotionFaultCode} code */
  constructor(code) {
    super(FAULTS[code]);
    this.code = code;
  }
}

/**
 * @typedef {object} MotionHandlers
 * @property {(timeStamp: number, x: number, y: number, z: number) => void} onReading m/s², with the browser's signs.
 * @property {(fault: MotionFault | null) => void} onState A fault occurred; null when it is over.
 */

export class MotionSensor {
  #handlers;
  #environment;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #watch;
  #lastReading = 0;
  #hasReadings = false;
  /** @type {MotionFaultCode | null} The last reported fault. */
  #fault = null;
  #listener = (/** @type {DeviceMotionEvent} */ event) => this.#receive(event);

  /** @param {MotionHandlers} handlers @param {typeof globalThis} environment */
  constructor(handlers, environment = globalThis) {
    this.#handlers = handlers;
    this.#environment = environment;
  }

  /**
   * Ask for permission and start listening. Must be called in the handler of a tap: browsers ask only then.
   *
   * @throws {MotionFault} If the sensor is not available. Later faults are reported by `onState`.
   */
  async start() {
    const { isSecureContext, DeviceMotionEvent: motionEvent } = this.#environment;
    if (!isSecureContext) throw new MotionFault('insecure');
    if (typeof motionEvent === 'undefined') throw new MotionFault('absent');
    const ask = /** @type {any} */ (motionEvent).requestPermission;
    if (typeof ask === 'function' && (await askPermission(motionEvent, ask)) !== 'granted') {
      throw new MotionFault('denied');
    }
    this.#hasReadings = false;
    this.#fault = null;
    this.#lastReading = this.#environment.performance.now();
    this.#environment.addEventListener('devicemotion', this.#listener);
    this.#watch = setInterval(() => this.#checkSilence(), 500);
  }

  stop() {
    clearInterval(this.#watch);
    this.#environment.removeEventListener('devicemotion', this.#listener);
  }

  /** @param {DeviceMotionEvent} event */
  #receive(event) {
    const axes = event.accelerationIncludingGravity;
    if (!axes || axes.x === null || axes.y === null || axes.z === null) {
      if (!this.#hasReadings) this.#report('empty');
      return;
    }
    this.#hasReadings = true;
    this.#lastReading = this.#environment.performance.now();
    if (this.#fault) this.#report(null);
    this.#handlers.onReading(event.timeStamp, axes.x, axes.y, axes.z);
  }

  #checkSilence() {
    if (this.#environment.performance.now() - this.#lastReading < SILENCE_MS || this.#fault === 'empty') return;
    this.#report(this.#hasReadings ? 'quiet' : 'silent');
  }

  /** @param {MotionFaultCode | null} code */
  #report(code) {
    if (code === this.#fault) return;
    this.#fault = code;
    this.#handlers.onState(code === null ? null : new MotionFault(code));
  }
}

/**
 * @param {any} motionEvent
 * @param {() => Promise<string>} ask
 * @returns {Promise<string>} `granted` or `denied`.
 */
async function askPermission(motionEvent, ask) {
  try {
    return await ask.call(motionEvent);
  } catch (error) {
    // Safari throws this outside of a tap, or if motion is switched off in its settings.
    if (error instanceof DOMException && error.name === 'NotAllowedError') return 'denied';
    throw error;
  }
}
