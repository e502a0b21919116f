/**
 * Runs what tests ask of the page's modules, in Node: a request a line on standard input, an answer a line on standard
 * output. The folder that is named holds the modules as the gateway serves them, below `phone/`.
 */

import { readFile, writeFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';

const folder = process.argv[2];
/** @type {Map<number, {get: (name: string) => Promise<any>, set: (name: string, value: any) => Promise<void>}>} */
const storages = new Map();
/** @type {Map<string, string>} The module that was made of a body. */
const modules = new Map();
/** @type {string[]} */
const faults = [];

for (const level of ['log', 'info', 'debug', 'warn', 'error']) {
  console[level] = (/** @type {unknown[]} */ ...said) => {
    if (level === 'warn' || level === 'error') faults.push(said.join(' '));
  };
}

/** @returns {ReturnType<typeof storages.get>} What keeps values as IndexedDB does: copies of them. */
function newStorage() {
  const kept = new Map();
  return {
    get: async (name) => structuredClone(kept.get(name)),
    set: async (name, value) => void kept.set(name, structuredClone(value)),
  };
}

/** @param {string} body An asynchronous function's, which may use `args` and `storage`. */
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
  globalThis.location = /** @type {any} */ (new URL(url));
  if (!storages.has(page)) storages.set(page, newStorage());
  faults.length = 0;
  try {
    const { default: run } = await moduleOf(body);
    return { value: await run(args, storages.get(page)), faults };
  } catch (error) {
    return { error: `${error.name}: ${error.message}`, reason: error.reason ?? error.code ?? null, faults };
  }
}

// The bundle would fetch its WebAssembly from beside it, and Node fetches no files.
const { env } = await import(pathToFileURL(`${folder}/phone/vendor/onnxruntime/ort.wasm.bundle.min.mjs`).href);
env.wasm.wasmBinary = await readFile(`${folder}/phone/vendor/onnxruntime/ort-wasm-simd-threaded.wasm`);

let begun = '';
process.stdin.setEncoding('utf8');
for await (const piece of process.stdin) {
  const lines = (begun + piece).split('\n');
  begun = lines.pop() ?? '';
  for (const line of lines) {
    const request = JSON.parse(line);
    process.stdout.write(`${JSON.stringify({ id: request.id, ...(await answerTo(request)) })}\n`);
  }
}
process.exit(0);
