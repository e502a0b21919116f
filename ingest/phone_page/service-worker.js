/**
 * Opens the page without a network.
 *
 * The files of the page are kept as a whole, in a cache that is named by their entity tags: when the page is opened,
 * the network is asked first; if it has other files, all of them are fetched before any is used, so that modules of two
 * versions never meet. Without a network (or with one that fails halfway) the page that is kept opens. Nothing else is
 * touched: not `/v1/`, not the store, not the configuration.
 */

const scope = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));

const PREFIX = 'har-phone-';
/** The cache that holds nothing but the names of the others. */
const NAMES = 'har-phone';
const DOCUMENT = './';
/** How long the network may take to say whether the page is another, ms; after that the kept one opens. */
const PATIENCE_MS = 4_000;

// The gateway makes this list: `SHELL`, what the page needs to open and to record, and `ON_DEMAND`, what only
// classification on the phone needs and what is kept once it was used.
importScripts('file-list.js');

/** @param {string} file @returns {string} */
const urlOf = (file) => new URL(file, scope.registration.scope).href;
const onDemand = new Set(ON_DEMAND.map(urlOf));
const known = new Set([...SHELL, ...ON_DEMAND].map(urlOf));
/** @type {Promise<void> | null} One look at the network at a time. */
let looking = null;

scope.addEventListener('install', (event) => {
  scope.skipWaiting();
  event.waitUntil(lookAtNetwork());
});
scope.addEventListener('activate', (event) => event.waitUntil(scope.clients.claim()));
scope.addEventListener('fetch', (event) => {
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
