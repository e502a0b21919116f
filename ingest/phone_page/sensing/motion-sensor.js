/** The accelerometer, as far as a browser gives it; and what is wrong, in words, where it does not. */

/** A sensor that is there delivers within a fraction of this, ms. */
const SILENCE_MS = 3_000;

/** @typedef {'insecure' | 'absent' | 'denied' | 'silent' | 'empty' | 'quiet'} MotionFaultCode */

/** @type {Record<MotionFaultCode, string>} */
const FAULTS = {
  insecure:
    'This page was not opened over HTTPS, and browsers give motion to secure pages only. ' +
    'Open it with an address that begins with https://.',
  absent: 'This browser has no motion sensor interface. Open the page in Chrome, Safari or Firefox on a phone.',
  denied:
    'Access to motion was denied. Allow “Motion sensors” for this page in the browser’s site settings, load the ' +
    'page again and press Start. On an iPhone, close the page, open it again and choose Allow.',
  silent:
    'No motion has come for 3 s: this device has no accelerometer (a desktop has none), or the browser blocks it. ' +
    'Use a phone; in the browser’s site settings, allow “Motion sensors”.',
  empty: 'This device has no accelerometer: the browser reports motion without values. Use a phone.',
  quiet: 'No motion comes any more. It goes on by itself when the page is in front and the screen is on.',
};

export class MotionFault extends Error {
  /** @param {MotionFaultCode} code */
  constructor(code) {
    super(FAULTS[code]);
    this.code = code;
  }
}

/**
 * @typedef {object} MotionHandlers
 * @property {(timeStamp: number, x: number, y: number, z: number) => void} onReading In m/s², with the browser's signs.
 * @property {(fault: MotionFault | null) => void} onState A fault; null once readings come (again).
 */

export class MotionSensor {
  #handlers;
  #environment;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #watch;
  #heard = 0;
  #any = false;
  /** @type {MotionFaultCode | null} */
  #told = null;
  #listener = (/** @type {DeviceMotionEvent} */ event) => this.#take(event);

  /** @param {MotionHandlers} handlers @param {typeof globalThis} environment */
  constructor(handlers, environment = globalThis) {
    this.#handlers = handlers;
    this.#environment = environment;
  }

  /**
   * Ask for permission and begin to listen. Must be called in the handler of a tap: browsers ask only then.
   *
   * @throws {MotionFault} If it cannot work; what comes later is told by `onState`.
   */
  async start() {
    const { isSecureContext, DeviceMotionEvent: motionEvent } = this.#environment;
    if (!isSecureContext) throw new MotionFault('insecure');
    if (typeof motionEvent === 'undefined') throw new MotionFault('absent');
    const ask = /** @type {any} */ (motionEvent).requestPermission;
    if (typeof ask === 'function' && (await askPermission(motionEvent, ask)) !== 'granted') {
      throw new MotionFault('denied');
    }
    this.#any = false;
    this.#told = null;
    this.#heard = this.#environment.performance.now();
    this.#environment.addEventListener('devicemotion', this.#listener);
    this.#watch = setInterval(() => this.#checkSilence(), 500);
  }

  stop() {
    clearInterval(this.#watch);
    this.#environment.removeEventListener('devicemotion', this.#listener);
  }

  /** @param {DeviceMotionEvent} event */
  #take(event) {
    const axes = event.accelerationIncludingGravity;
    if (!axes || axes.x === null || axes.y === null || axes.z === null) {
      if (!this.#any) this.#tell('empty');
      return;
    }
    this.#any = true;
    this.#heard = this.#environment.performance.now();
    if (this.#told) this.#tell(null);
    this.#handlers.onReading(event.timeStamp, axes.x, axes.y, axes.z);
  }

  #checkSilence() {
    if (this.#environment.performance.now() - this.#heard < SILENCE_MS || this.#told === 'empty') return;
    this.#tell(this.#any ? 'quiet' : 'silent');
  }

  /** @param {MotionFaultCode | null} code */
  #tell(code) {
    if (code === this.#told) return;
    this.#told = code;
    this.#handlers.onState(code === null ? null : new MotionFault(code));
  }
}

/**
 * @param {any} motionEvent
 * @param {() => Promise<string>} ask
 * @returns {Promise<string>} `granted`, or what else.
 */
async function askPermission(motionEvent, ask) {
  try {
    return await ask.call(motionEvent);
  } catch (error) {
    // What Safari does when it is not asked in a tap, or when motion is switched off in its settings.
    if (error instanceof DOMException && error.name === 'NotAllowedError') return 'denied';
    throw error;
  }
}
