/** Classifies windows with a release's ONNX network in WebAssembly; see model_store/onnx_classifier.py. */

import { decide } from './decisions.js';
import { uprightRule } from './upright.js';
import { kindsOf, outputsOf, thresholdsOf } from '../releases/release-documents.js';
import { UpdateRejectedError, rejectUnless, textOf } from '../releases/update-rejection.js';
import * as ort from '../vendor/onnxruntime/ort.wasm.bundle.min.mjs';

/** @typedef {import('onnxruntime-web').InferenceSession} InferenceSession */
/** @typedef {import('../releases/release-documents.js').Manifest} Manifest */
/** @typedef {import('../releases/release-documents.js').GoldenWindow} GoldenWindow */

const AXES = 3;
/** Windows that may wait. A phone has one window per second, so more are a fault of the caller. */
const MAX_WAITING = 256;

// One thread takes milliseconds per window. More threads need a page that is isolated from other origins.
ort.env.wasm.numThreads = 1;
// The bundle loads its WebAssembly file from this URL only.
ort.env.wasm.wasmPaths = { wasm: new URL('../vendor/onnxruntime/ort-wasm-simd-threaded.wasm', import.meta.url).href };

/**
 * @typedef {object} WindowPrediction
 * @property {string} activity The most probable class, or `unknown`; see decisions.js.
 * @property {number} confidence From 0 to 1.
 * @property {Record<string, number>} probabilities By class.
 * @property {string} [kind] For `unknown`: the kind of background, if one is probable enough.
 * @property {Record<string, number>} [background] By kind of background; missing if the release knows none.
 * @property {number} [personal] Number of the personal head that corrected the answer; missing if none did.
 */

/** A loaded release that has passed the check with its golden window. */
export class Classifier {
  #session;
  #mean;
  #scale;
  /** @type {Promise<unknown>} The previous window: the runtime processes one at a time. */
  #previous = Promise.resolve();
  #waiting = 0;

  /**
   * @param {Manifest} manifest
   * @param {import('./upright.js').UprightRule | null} rule Of the upright reference; null if the release has none.
   * @param {InferenceSession} session
   */
  constructor(manifest, rule, session) {
    this.manifest = manifest;
    this.rule = rule;
    this.#session = session;
    this.#mean = Float32Array.from(manifest.normalisation.mean);
    this.#scale = Float32Array.from(manifest.normalisation.scale);
  }

  /**
   * Load a release's network and check it with the golden window.
   *
   * @param {{manifest: Manifest, onnx: Uint8Array, golden: GoldenWindow}} release Verified.
   * @returns {Promise<Classifier>}
   * @throws {UpdateRejectedError} With the reason `unusable`, if the rule of the upright reference cannot be used, or if
   *   the network cannot be loaded, does not fit the manifest, or returns other probabilities for the golden window
   *   than at its release.
   */
  static async open({ manifest, onnx, golden }) {
    const rule = ruleOf(manifest);
    const session = await loadNetwork(onnx, manifest);
    const classifier = new Classifier(manifest, rule, session);
    try {
      checkShapes(session, manifest);
      checkGolden(await classifier.probabilities(Float32Array.from(golden.window.flat())), golden, manifest);
    } catch (error) {
      await classifier.close();
      throw error;
    }
    return classifier;
  }

  /**
   * Predict the activity of a window alone; session-reference.js adds the session's upright reference.
   *
   * @param {Float32Array} window x, y, z (m/s², gravity included) of one step after the other, as from `WindowCutter`.
   * @returns {Promise<WindowPrediction>}
   * @throws {RangeError} As `probabilities`.
   */
  async classify(window) {
    return this.prediction(await this.probabilities(window));
  }

  /**
   * @param {ArrayLike<number>} probabilities The network's, or corrected by a personal head.
   * @param {number} [personal] Number of the head.
   * @returns {WindowPrediction}
   */
  prediction(probabilities, personal) {
    const { classes } = this.manifest;
    const kinds = kindsOf(this.manifest);
    const { kind, ...decision } = decide(classes, kinds, probabilities, thresholdsOf(this.manifest));
    const first = classes.length;
    return {
      ...decision,
      probabilities: Object.fromEntries(classes.map((name, at) => [name, probabilities[at]])),
      ...(kind === null ? {} : { kind }),
      ...(kinds.length === 0 ? {} : { background: Object.fromEntries(kinds.map((name, at) => [name, probabilities[first + at]])) }),
      ...(personal === undefined ? {} : { personal }),
    };
  }

  /**
   * @param {Float32Array} window As for `classify`.
   * @returns {Promise<Float32Array>} One probability per class, then per kind of background, in the manifest's order.
   * @throws {RangeError} If the window has the wrong length, or too many windows wait.
   */
  async probabilities(window) {
    const { steps } = this.manifest;
    if (window.length !== steps * AXES) {
      throw new RangeError(`a window must have ${steps * AXES} values, not ${window.length}`);
    }
    if (this.#waiting >= MAX_WAITING) throw new RangeError(`${this.#waiting} windows are already waiting`);
    this.#waiting += 1;
    const input = new ort.Tensor('float32', this.#normalised(window), [1, steps, AXES]);
    const run = this.#previous.then(() => this.#session.run({ [this.#session.inputNames[0]]: input }));
    this.#previous = run.catch(() => {}); // the caller gets the error; the next window is independent of it
    try {
      const outputs = await run;
      return /** @type {Float32Array} */ (outputs[this.#session.outputNames[0]].data);
    } finally {
      this.#waiting -= 1;
    }
  }

  /** Free the network's memory, after all waiting windows. */
  async close() {
    await this.#previous;
    await this.#session.release();
  }

  /** @param {Float32Array} window @returns {Float32Array} */
  #normalised(window) {
    // Round each operation to float32, as NumPy does in har/releases.py's `Normalisation`.
    return window.map((value, at) => Math.fround(value - this.#mean[at % AXES]) / this.#scale[at % AXES]);
  }
}

/** @param {Manifest} manifest @returns {import('./upright.js').UprightRule | null} */
function ruleOf(manifest) {
  try {
    return uprightRule(manifest);
  } catch (error) {
    throw new UpdateRejectedError('unusable', `${manifest.release}: ${textOf(error)}`, { cause: error });
  }
}

/**
 * @param {Uint8Array} onnx
 * @param {Manifest} manifest
 * @returns {Promise<ort.InferenceSession>}
 */
async function loadNetwork(onnx, manifest) {
  try {
    return await ort.InferenceSession.create(onnx, { executionProviders: ['wasm'] });
  } catch (error) {
    const detail = `${manifest.release}: onnxruntime cannot load the network: ${textOf(error)}`;
    throw new UpdateRejectedError('unusable', detail, { cause: error });
  }
}

/**
 * @param {InferenceSession} session
 * @param {Manifest} manifest
 */
function checkShapes({ inputMetadata, outputMetadata }, { release, steps }) {
  const hasOneOfEach = inputMetadata.length === 1 && outputMetadata.length === 1;
  rejectUnless(hasOneOfEach, 'unusable', `${release}: the network must have one input and one output`);
  const [input] = inputMetadata;
  const [, ...shape] = input.isTensor ? input.shape : [];
  const fits = shape.length === 2 && shape[0] === steps && shape[1] === AXES;
  const detail = `${release}: the network's input is ${shape}, but the manifest has ${steps} x ${AXES}`;
  rejectUnless(fits, 'unusable', detail);
}

/**
 * Compare the network's probabilities of the golden window with the known ones, as model_store/golden_check.py.
 *
 * @param {Float32Array} found
 * @param {GoldenWindow} golden
 * @param {Manifest} manifest
 */
function checkGolden(found, { probabilities }, manifest) {
  const { release, golden } = manifest;
  const { tolerance } = golden;
  const count = outputsOf(manifest).length;
  const what = `${count} classes and kinds of background`;
  rejectUnless(found.length === count, 'unusable', `${release}: the network has ${found.length} outputs for ${what}`);
  const difference = Math.max(...probabilities.map((expected, at) => Math.abs(found[at] - expected)));
  rejectUnless(
    difference <= tolerance, // false for NaN
    'unusable',
    `${release} fails its golden window: off by ${difference.toPrecision(2)}, the tolerance is ${tolerance}`,
  );
}
