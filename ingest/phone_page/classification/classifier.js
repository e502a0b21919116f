/** Classifying windows with a release's ONNX network, in WebAssembly on one thread: model_store/onnx_classifier.py. */

import { decide } from './answers.js';
import { UpdateRejectedError, rejectUnless, textOf } from '../releases/update-rejection.js';
import * as ort from '../vendor/onnxruntime/ort.wasm.bundle.min.mjs';

/** @typedef {import('onnxruntime-web').InferenceSession} InferenceSession */
/** @typedef {import('../releases/release-documents.js').Manifest} Manifest */
/** @typedef {import('../releases/release-documents.js').GoldenWindow} GoldenWindow */

const AXES = 3;
/** A phone has one window a second: whoever lets more wait than this has lost count of them. */
const MOST_WAITING = 256;

// More threads would need a page that is isolated from other origins, and a window takes milliseconds on one.
ort.env.wasm.numThreads = 1;
// What the bundle does not hold is taken from beside it, and from nowhere else.
ort.env.wasm.wasmPaths = { wasm: new URL('../vendor/onnxruntime/ort-wasm-simd-threaded.wasm', import.meta.url).href };

/**
 * @typedef {object} Answer
 * @property {string} activity The most probable class, or `unknown` where none is probable enough.
 * @property {number} confidence From 0 to 1.
 * @property {Record<string, number>} probabilities By class.
 */

/** A release that has passed its golden window and is ready to classify. */
export class Classifier {
  #session;
  #mean;
  #scale;
  /** @type {Promise<unknown>} The window before: the runtime takes one at a time. */
  #before = Promise.resolve();
  #waiting = 0;

  /**
   * @param {Manifest} manifest
   * @param {InferenceSession} session
   */
  constructor(manifest, session) {
    this.manifest = manifest;
    this.#session = session;
    this.#mean = Float32Array.from(manifest.normalisation.mean);
    this.#scale = Float32Array.from(manifest.normalisation.scale);
  }

  /**
   * Load a release's network and ask its golden window.
   *
   * @param {{manifest: Manifest, onnx: Uint8Array, golden: GoldenWindow}} release Verified.
   * @returns {Promise<Classifier>}
   * @throws {UpdateRejectedError} As unusable, if the network cannot be loaded, does not fit the manifest, or answers
   *   the golden window otherwise than it did when it was released.
   */
  static async open({ manifest, onnx, golden }) {
    const session = await loaded(onnx, manifest);
    const classifier = new Classifier(manifest, session);
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
   * Say what somebody does in a window.
   *
   * @param {Float32Array} window x, y, z (m/s², gravity included) of each step in turn, as `WindowCutter` gives them.
   * @returns {Promise<Answer>}
   */
  async classify(window) {
    const { classes, decision_threshold: threshold } = this.manifest;
    const probabilities = await this.probabilities(window);
    return {
      ...decide(classes, probabilities, threshold),
      probabilities: Object.fromEntries(classes.map((name, at) => [name, probabilities[at]])),
    };
  }

  /**
   * @param {Float32Array} window As for `classify`.
   * @returns {Promise<Float32Array>} A probability a class, in the manifest's order.
   * @throws {RangeError} If the window is of another length, or too many wait.
   */
  async probabilities(window) {
    const { steps } = this.manifest;
    if (window.length !== steps * AXES)
      {throw new RangeError(`a window has ${steps * AXES} values, not ${window.length}`);}
    if (this.#waiting >= MOST_WAITING) throw new RangeError(`${this.#waiting} windows wait to be classified already`);
    this.#waiting += 1;
    const input = new ort.Tensor('float32', this.#normalised(window), [1, steps, AXES]);
    const run = this.#before.then(() => this.#session.run({ [this.#session.inputNames[0]]: input }));
    this.#before = run.catch(() => {}); // who asked for that window is told; the next one has nothing to do with it
    try {
      const outputs = await run;
      return /** @type {Float32Array} */ (outputs[this.#session.outputNames[0]].data);
    } finally {
      this.#waiting -= 1;
    }
  }

  /** Free the network's memory, after the windows that wait. */
  async close() {
    await this.#before;
    await this.#session.release();
  }

  /** @param {Float32Array} window @returns {Float32Array} */
  #normalised(window) {
    // Each step is rounded to float32, as NumPy does it: har/releases.py's `Normalisation`.
    return window.map((value, at) => Math.fround(value - this.#mean[at % AXES]) / this.#scale[at % AXES]);
  }
}

/**
 * @param {Uint8Array} onnx
 * @param {Manifest} manifest
 * @returns {Promise<ort.InferenceSession>}
 */
async function loaded(onnx, manifest) {
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
  rejectUnless(fits, 'unusable', `${release}: the network takes ${shape}, the manifest says ${steps} x ${AXES}`);
}

/**
 * model_store/golden_check.py: the question with a known answer.
 *
 * @param {Float32Array} answer
 * @param {GoldenWindow} golden
 * @param {Manifest} manifest
 */
function checkGolden(answer, { probabilities }, { release, golden: { tolerance } }) {
  const count = probabilities.length;
  const answersAll = answer.length === count;
  rejectUnless(answersAll, 'unusable', `${release}: the network answers ${answer.length} classes, not ${count}`);
  const difference = Math.max(...probabilities.map((expected, at) => Math.abs(answer[at] - expected)));
  rejectUnless(
    difference <= tolerance, // NaN must fail too
    'unusable',
    `${release} answers its golden window wrongly: off by ${difference.toPrecision(2)}, allowed is ${tolerance}`,
  );
}
