/**
 * Opens the page without a connection.
 *
 * All files of the page are cached together, in a cache named after their entity tags. When the page is opened, the
 * worker first checks the server for new files. If there are any, it fetches all files before it uses one, so that
 * modules of two versions never mix. If the server cannot be reached or the update fails, the cached page opens. The
 * worker handles no other requests: not `/v1/`, the store or the configuration.
 */

const scope = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));

const PREFIX = 'har-phone-';
/** The cache that holds the names of the other caches. */
const NAMES = 'har-phone';
const DOCUMENT = './';
/** How long the check for new files may take before the cached page opens, ms. */
const CHECK_TIMEOUT_MS = 4_000;

// The gateway generates these lists: `SHELL` has the files for opening and recording. `ON_DEMAND` has those that only
// classification on the phone needs; they are cached when they are first used.
importScripts('file-list.js');

/** @param {string} file @returns {string} */
const urlOf = (file) => new URL(file, scope.registration.scope).href;
const onDemand = new Set(ON_DEMAND.map(urlOf));
const known = new Set([...SHELL, ...ON_DEMAND].map(urlOf));
/** @type {Promise<void> | null} The running check for new files. */
let check = null;

scope.addEventListener('install', (event) => {
  scope.skipWaiting();
  event.waitUntil(checkForUpdate());
});
scope.addEventListener('activate', (event) => event.waitUntil(scope.clients.claim()));
scope.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url);
  url.hash = '';
  if (event.request.method !== 'GET') return;
  if (event.request.mode === 'navigate' && isDocument(url)) event.respondWith(openPage(event.request));
  else if (known.has(url.href)) event.respondWith(file(url.href));
});

/** @param {URL} url @returns {boolean} Whether it is the page; the query does not matter. */
function isDocument(url) {
  return url.origin + url.pathname === urlOf(DOCUMENT);
}

/** @param {Request} request @returns {Promise<Response>} */
async function openPage(request) {
  const checked = checkForUpdate().catch((error) => console.warn('could not update; opening the cached page', error));
  await Promise.race([checked, new Promise((resolve) => setTimeout(resolve, CHECK_TIMEOUT_MS))]);
  // The version may change only here, before the first file is served.
  await promote();
  return (await cached(urlOf(DOCUMENT))) ?? fetch(request);
}

/** @param {string} url @returns {Promise<Response>} */
async function file(url) {
  const found = await cached(url);
  if (found) return found;
  const response = await fetch(url, { cache: 'no-cache' });
  if (response.ok && onDemand.has(url)) {
    const copy = response.clone();
    // If the disk is full, the file is served all the same.
    (await cacheOf('present'))?.put(url, copy).catch((error) => console.warn(`could not cache ${url}`, error));
  }
  return response;
}

/** @param {string} url @returns {Promise<Response | undefined>} */
async function cached(url) {
  return (await cacheOf('present'))?.match(url);
}

/** @returns {Promise<void>} When the server's files are in the `present` or the `next` cache. */
function checkForUpdate() {
  check ??= refresh().finally(() => {
    check = null;
  });
  return check;
}

/**
 * Fetch the server's files into the `next` cache, unless they are cached already.
 *
 * @throws {Error} If a file cannot be fetched; the caches stay as they are.
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
    await caches.delete(name); // an earlier attempt may have failed halfway
    const cache = await caches.open(name);
    await Promise.all(responses.map((response, at) => cache.put(urls[at], response)));
    await setName('next', name);
  } finally {
    stop.abort(); // unchanged bodies are not read
  }
}

/** Make the `next` cache the `present` one, and delete the previous one. */
async function promote() {
  const next = await nameOf('next');
  if (next === null) return;
  await setName('present', next);
  await (await caches.open(NAMES)).delete(urlOf('next'));
  for (const name of await caches.keys()) {
    if (name.startsWith(PREFIX) && name !== next) await caches.delete(name);
  }
}

/** @param {Response[]} responses @returns {Promise<string>} A digest of their URLs and entity tags. */
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
