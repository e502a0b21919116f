/**
 * Runs code of tests with the page's modules in Node. Each line of standard input is a request, and each line of
 * standard output an answer. The argument is a folder with the served files below `phone/`.
 */

import { readFile, writeFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';

const folder = process.argv[2];
/**
 * @typedef {{get: (name: string) => Promise<any>, set: (name: string, value: any) => Promise<void>}} Storage
 * @typedef {(args: unknown[], storage: Storage | undefined) => Promise<unknown>} Body
 */

/** @type {Map<number, Storage>} By page. */
const storages = new Map();
/** @type {Map<string, string>} URL of the module with a function's body, by the body. */
const modules = new Map();
/** @type {string[]} */
const faults = [];

for (const level of /** @type {const} */ (['log', 'info', 'debug', 'warn', 'error'])) {
  console[level] = (/** @type {unknown[]} */ ...values) => {
    if (level === 'warn' || level === 'error') faults.push(values.join(' '));
  };
}

/** @returns {Storage} A storage that copies values, as IndexedDB does. */
function newStorage() {
  const values = new Map();
  return {
    get: async (name) => structuredClone(values.get(name)),
    set: async (name, value) => void values.set(name, structuredClone(value)),
  };
}

/**
 * @param {string} body Of an asynchronous function, which may use `args` and `storage`.
 * @returns {Promise<{default: Body}>}
 */
async function moduleOf(body) {
  const known = modules.get(body);
  if (known !== undefined) return import(known);
  const file = `${folder}/run-${modules.size}.mjs`;
  const text = body.replaceAll("'/phone/", "'./phone/");
  await writeFile(file, `export default async function run(args, storage) {\n${text}\n}\n`);
  const url = pathToFileURL(file).href;
  modules.set(body, url);
  return import(url);
}

/** @param {{page: number, url: string, body: string, args: unknown[]}} request */
async function answerTo({ page, url, body, args }) {
  Object.assign(globalThis, { location: new URL(url) });
  if (!storages.has(page)) storages.set(page, newStorage());
  faults.length = 0;
  try {
    const { default: run } = await moduleOf(body);
    return { value: await run(args, storages.get(page)), faults };
  } catch (caught) {
    const error = /** @type {Error & {reason?: string, code?: string}} */ (caught);
    return { error: `${error.name}: ${error.message}`, reason: error.reason ?? error.code ?? null, faults };
  }
}

// The bundle fetches its WebAssembly file, but Node cannot fetch file URLs.
const { env } = await import(pathToFileURL(`${folder}/phone/vendor/onnxruntime/ort.wasm.bundle.min.mjs`).href);
env.wasm.wasmBinary = await readFile(`${folder}/phone/vendor/onnxruntime/ort-wasm-simd-threaded.wasm`);

let rest = '';
process.stdin.setEncoding('utf8');
for await (const piece of process.stdin) {
  const lines = (rest + piece).split('\n');
  rest = lines.pop() ?? '';
  for (const line of lines) {
    const request = JSON.parse(line);
    process.stdout.write(`${JSON.stringify({ id: request.id, ...(await answerTo(request)) })}\n`);
  }
}
process.exit(0);
