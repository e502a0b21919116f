"""The phone page with its scripts, styles and libraries, served from memory."""

import logging
from collections.abc import Iterable
from importlib.resources import files

import msgspec
from aiohttp import web

from har.activity_styles import LABEL_STYLES, ActivityStyle
from har.web.page_files import CONTENT_TYPES, PageFile, read_folder, read_page
from ingest.gateway.admission import Admission
from ingest.gateway.settings import GatewaySettings

log = logging.getLogger(__name__)

PREFIX = "/phone/"
#: Content security policy of the page; the runtime of the model needs `wasm-unsafe-eval` to compile.
POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; "
    "worker-src 'self'; manifest-src 'self'; connect-src 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "accelerometer=(self), gyroscope=(self), screen-wake-lock=(self), camera=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
#: Served files of each library: folder in `node_modules` and endings of names. Other files are not served.
LIBRARIES = {
    "msgpack": ("@msgpack/msgpack/dist.esm", (".mjs",)),
    "idb": ("idb/build", ("index.js",)),
    "onnxruntime": (
        "onnxruntime-web/dist",
        ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"),
    ),
    "uplot": ("uplot/dist", ("uPlot.esm.js", "uPlot.min.css")),
}
#: Files that are too large for phones that only record; the service worker caches them at their first use.
ON_DEMAND = "vendor/onnxruntime/"
#: The service worker's list of files, generated from the files that are served, so that it is complete.
FILE_LIST = "file-list.js"
#: Files that are not in the list: the page, which is listed as ``./``, the service worker, and the style of ``/trust``.
NOT_LISTED = {"index.html", "service-worker.js", "trust.css"}
BATCH_MILLISECONDS = 500


class _Configuration(msgspec.Struct):
    """The configuration of the page."""

    activities: tuple[ActivityStyle, ...]
    enrolment: str
    store: bool
    batch_milliseconds: int


class PhonePage:
    """The routes below ``/phone/``.

    Parameters
    ----------
    settings : GatewaySettings
        Whether there is a store.
    admission : Admission
        Whether phones have to enrol.
    """

    def __init__(self, settings: GatewaySettings, admission: Admission) -> None:
        self._files = load_page()
        enrolment = "open" if admission.is_open else "required"
        configuration = _Configuration(LABEL_STYLES, enrolment, settings.store_url is not None, BATCH_MILLISECONDS)
        self._files["configuration.json"] = PageFile(msgspec.json.encode(configuration), "application/json")

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/", self._redirect),
            web.get("/phone", self._redirect),
            web.get(PREFIX + "{name:.*}", self._file),
        ]

    async def _redirect(self, _: web.Request) -> web.Response:
        # Relative, because a proxy may serve the gateway at another path.
        return web.Response(status=307, headers={"Location": PREFIX.removeprefix("/")})

    async def _file(self, request: web.Request) -> web.StreamResponse:
        return file_response(request, self._files.get(request.match_info["name"] or "index.html"))


def file_response(request: web.Request, file: PageFile | None) -> web.Response:
    """Return the response with a file, or 304 if the browser has it already.

    Raises
    ------
    aiohttp.web.HTTPNotFound
        If there is no file.
    """
    if file is None:
        raise web.HTTPNotFound(text="page not found\n")
    headers = {**SECURITY_HEADERS, "ETag": file.etag, "Cache-Control": "no-cache"}
    if file.matches(request.headers.get("If-None-Match")):
        return web.Response(status=304, headers=headers)
    return web.Response(body=file.body, headers={**headers, "Content-Type": file.content_type})


def load_page() -> dict[str, PageFile]:
    """Read the files of the page and of its libraries, by name; warn about each library that is not installed."""
    folder = files("ingest") / "phone_page"
    found = read_page(folder)
    for library, (path, endings) in LIBRARIES.items():
        library_folder = folder.joinpath("node_modules", *path.split("/"))
        if not library_folder.is_dir():
            log.warning("the phone page's library %s is not installed: run `make setup` or `make demo`", library)
            continue
        found |= {f"vendor/{library}/{name}": file for name, file in read_folder(library_folder, endings).items()}
    found[FILE_LIST] = PageFile(_file_list(found), CONTENT_TYPES[".js"])
    return found


def _file_list(names: Iterable[str]) -> bytes:
    """Return a script with the names of the files that the service worker caches; the page itself is ``./``."""
    on_demand = sorted(name for name in names if name.startswith(ON_DEMAND))
    shell = sorted({*names} - {*on_demand} - NOT_LISTED)
    lists = {"SHELL": ["./", *shell], "ON_DEMAND": on_demand}
    return b"".join(b"const %b = %b;\n" % (name.encode(), msgspec.json.encode(files)) for name, files in lists.items())
