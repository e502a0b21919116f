/**
 * Opens the page without a network.
 *
 * The files of the page are kept as a whole, in a cache that is named by their entity tags: when the page is opened,
 * the network is asked first; if it has other files, all of them are fetched before any is used, so that modules of two
 * versions never meet. Without a network (or with one that fails halfway) the page that is kept opens. Nothing else is
 * touched: not `/v1/`, not the store, not the configuration.
 */

const PREFIX = 'har-phone-';
/** The cache that holds nothing but the names of the others. */
const NAMES = 'har-phone';
const DOCUMENT = './';
/** How long the network may take to say whether the page is another, ms; after that the kept one opens. */
const PATIENCE_MS = 4_000;

/** What the page needs to open and to record. */
const SHELL = [
  DOCUMENT,
  'style.css',
  'manifest.webmanifest',
  'icon.svg',
  'icon-180.png',
  'icon-192.png',
  'icon-512.png',
  'icon-maskable-512.png',
  'activity-outlet.js',
  'answer-comparison.js',
  'answers-view.js',
  'answers.js',
  'back-off.js',
  'bounded-fetch.js',
  'canonical-json.js',
  'channels.js',
  'classifier.js',
  'configuration.js',
  'current-release.js',
  'database.js',
  'delegations.js',
  'device-account.js',
  'elements.js',
  'enrolment-view.js',
  'event-clock.js',
  'gateway-answers.js',
  'gateway-link.js',
  'label-journal.js',
  'labels-view.js',
  'loss-log.js',
  'main.js',
  'metadata-signatures.js',
  'motion-frame.js',
  'motion-sensor.js',
  'notices-view.js',
  'outbox-room.js',
  'outbox.js',
  'phone-classification.js',
  'phone.js',
  'pocket-mode.js',
  'recorder.js',
  'recording-view.js',
  'release-documents.js',
  'resampling.js',
  'sample-batch.js',
  'sample-outlet.js',
  'screen-keeper.js',
  'sending-view.js',
  'sending.js',
  'settings-view.js',
  'signed-files.js',
  'single-tab.js',
  'store-metadata.js',
  'test-access.js',
  'trace-buffer.js',
  'trace-chart.js',
  'trace-view.js',
  'trusted-metadata.js',
  'update-refusal.js',
  'windows.js',
  'wording.js',
  'vendor/idb/index.js',
  'vendor/msgpack/CachedKeyDecoder.mjs',
  'vendor/msgpack/DecodeError.mjs',
  'vendor/msgpack/Decoder.mjs',
  'vendor/msgpack/Encoder.mjs',
  'vendor/msgpack/ExtData.mjs',
  'vendor/msgpack/ExtensionCodec.mjs',
  'vendor/msgpack/decode.mjs',
  'vendor/msgpack/decodeAsync.mjs',
  'vendor/msgpack/encode.mjs',
  'vendor/msgpack/index.mjs',
  'vendor/msgpack/timestamp.mjs',
  'vendor/msgpack/utils/int.mjs',
  'vendor/msgpack/utils/prettyByte.mjs',
  'vendor/msgpack/utils/stream.mjs',
  'vendor/msgpack/utils/typedArrays.mjs',
  'vendor/msgpack/utils/utf8.mjs',
  'vendor/uplot/uPlot.esm.js',
  'vendor/uplot/uPlot.min.css',
];

/** What only classification on the phone needs; kept once it was used. */
const ON_DEMAND = [
  'vendor/onnxruntime/ort.wasm.bundle.min.mjs',
  'vendor/onnxruntime/ort-wasm-simd-threaded.mjs',
  'vendor/onnxruntime/ort-wasm-simd-threaded.wasm',
];

/** @param {string} file @returns {string} */
const urlOf = (file) => new URL(file, self.registration.scope).href;
const onDemand = new Set(ON_DEMAND.map(urlOf));
const known = new Set([...SHELL, ...ON_DEMAND].map(urlOf));
/** @type {Promise<void> | null} One look at the network at a time. */
let looking = null;

self.addEventListener('install', (event) => {
  self.skipWaiting();
  event.waitUntil(lookAtNetwork());
});
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
self.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url);
  url.hash = '';
  if (event.request.method !== 'GET') return;
  if (event.request.mode === 'navigate' && isDocument(url)) event.respondWith(openPage(event.request));
  else if (known.has(url.href)) event.respondWith(file(url.href));
});

/** @param {URL} url @returns {boolean} Whether it is the page; what stands after `?` is for the page itself. */
function isDocument(url) {
  return url.origin + url.pathname === urlOf(DOCUMENT);
}

/** @param {Request} request @returns {Promise<Response>} */
async function openPage(request) {
  const asked = lookAtNetwork().catch((error) => console.warn('the page that is kept is opened', error));
  await Promise.race([asked, new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))]);
  // Only here, before the first file is given out, may the files become others.
  await promote();
  return (await kept(urlOf(DOCUMENT))) ?? fetch(request);
}

/** @param {string} url @returns {Promise<Response>} */
async function file(url) {
  const found = await kept(url);
  if (found) return found;
  const response = await fetch(url, { cache: 'no-cache' });
  if (response.ok && onDemand.has(url)) {
    const copy = response.clone();
    // A full disk is no reason to withhold the file.
    (await cacheOf('present'))?.put(url, copy).catch((error) => console.warn(`${url} is not kept`, error));
  }
  return response;
}

/** @param {string} url @returns {Promise<Response | undefined>} */
async function kept(url) {
  return (await cacheOf('present'))?.match(url);
}

/** @returns {Promise<void>} When what the network has is kept, or `present` already. */
function lookAtNetwork() {
  looking ??= refresh().finally(() => {
    looking = null;
  });
  return looking;
}

/**
 * Fetch the network's files, if they are others than those that are kept; they are then `next`.
 *
 * @throws {Error} If not all of them came; what is kept then stays.
 */
async function refresh() {
  const before = await cacheOf('present');
  const used = before === null ? [] : (await before.keys()).map(({ url }) => url).filter((url) => onDemand.has(url));
  const urls = [...SHELL.map(urlOf), ...used];
  const stop = new AbortController();
  try {
    const responses = await Promise.all(urls.map((url) => fetch(url, { cache: 'no-cache', signal: stop.signal })));
    const name = PREFIX + (await fingerprint(responses));
    if (name === (await nameOf('present')) || name === (await nameOf('next'))) return;
    await caches.delete(name); // what an earlier attempt did not complete
    const cache = await caches.open(name);
    await Promise.all(responses.map((response, at) => cache.put(urls[at], response)));
    await setName('next', name);
  } finally {
    stop.abort(); // where nothing has changed, nothing is read
  }
}

/** What is `next` becomes `present`, and what was present is deleted. */
async function promote() {
  const next = await nameOf('next');
  if (next === null) return;
  await setName('present', next);
  await (await caches.open(NAMES)).delete(urlOf('next'));
  for (const name of await caches.keys()) {
    if (name.startsWith(PREFIX) && name !== next) await caches.delete(name);
  }
}

/** @param {Response[]} responses @returns {Promise<string>} A name of their contents. */
async function fingerprint(responses) {
  const tags = responses.map((response) => {
    const tag = response.headers.get('ETag');
    if (!response.ok || tag === null) throw new Error(`${response.url}: status ${response.status}, entity tag ${tag}`);
    return `${response.url} ${tag}`;
  });
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(tags.join('\n')));
  return [...new Uint8Array(digest).slice(0, 16)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** @param {'present' | 'next'} which @returns {Promise<Cache | null>} */
async function cacheOf(which) {
  const name = await nameOf(which);
  return name === null ? null : caches.open(name);
}

/** @param {'present' | 'next'} which @returns {Promise<string | null>} */
async function nameOf(which) {
  const found = await (await caches.open(NAMES)).match(urlOf(which));
  return found ? found.text() : null;
}

/** @param {'present' | 'next'} which @param {string} name */
async function setName(which, name) {
  await (await caches.open(NAMES)).put(urlOf(which), new Response(name));
}
