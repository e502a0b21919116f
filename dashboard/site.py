"""The files of the page, read once and served from memory."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

WEB_FOLDER = Path(__file__).parent / "web"

JAVASCRIPT = "text/javascript; charset=utf-8"
CSS = "text/css; charset=utf-8"

#: The served files: URL path, path relative to the web folder, MIME type.
FILES = (
    ("/", "index.html", "text/html; charset=utf-8"),
    ("/style.css", "style.css", CSS),
    ("/favicon.svg", "favicon.svg", "image/svg+xml"),
    ("/main.js", "main.js", JAVASCRIPT),
    ("/announcer.js", "announcer.js", JAVASCRIPT),
    ("/commands.js", "commands.js", JAVASCRIPT),
    ("/connection.js", "connection.js", JAVASCRIPT),
    ("/device-card.js", "device-card.js", JAVASCRIPT),
    ("/device-grid.js", "device-grid.js", JAVASCRIPT),
    ("/device-model.js", "device-model.js", JAVASCRIPT),
    ("/enrol-dialog.js", "enrol-dialog.js", JAVASCRIPT),
    ("/frame-scheduler.js", "frame-scheduler.js", JAVASCRIPT),
    ("/label-dialog.js", "label-dialog.js", JAVASCRIPT),
    ("/legend.js", "legend.js", JAVASCRIPT),
    ("/status-bar.js", "status-bar.js", JAVASCRIPT),
    ("/styles.js", "styles.js", JAVASCRIPT),
    ("/timeline-chart.js", "timeline-chart.js", JAVASCRIPT),
    ("/uplot.js", "node_modules/uplot/dist/uPlot.esm.js", JAVASCRIPT),
    ("/uplot.css", "node_modules/uplot/dist/uPlot.min.css", CSS),
    ("/shared/back-off.js", "../../har/web/shared/back-off.js", JAVASCRIPT),
    ("/shared/base.css", "../../har/web/shared/base.css", CSS),
    ("/shared/chart-theme.js", "../../har/web/shared/chart-theme.js", JAVASCRIPT),
    ("/shared/elements.js", "../../har/web/shared/elements.js", JAVASCRIPT),
    ("/shared/live-chart.js", "../../har/web/shared/live-chart.js", JAVASCRIPT),
    ("/shared/trace-chart.js", "../../har/web/shared/trace-chart.js", JAVASCRIPT),
    ("/shared/wording.js", "../../har/web/shared/wording.js", JAVASCRIPT),
)

SECURITY_HEADERS = (
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-cache"),
)


class MissingPageFileError(RuntimeError):
    """A file of the page is missing."""


@dataclass(frozen=True)
class SiteFile:
    """A served file: its bytes, MIME type and entity tag."""

    body: bytes
    content_type: str
    etag: str


def load_site(folder: Path = WEB_FOLDER) -> dict[str, SiteFile]:
    """Read all files of the page.

    Returns
    -------
    dict of str to SiteFile
        The files by URL path.

    Raises
    ------
    MissingPageFileError
        If a file is missing. The message contains the remedy.
    """
    site = {}
    for path, name, content_type in FILES:
        try:
            body = (folder / name).read_bytes()
        except FileNotFoundError as error:
            remedy = (
                "run `make setup`, or `npm ci --omit=dev --ignore-scripts` in dashboard/web"
                if name.startswith("node_modules/")
                else "install the package again"
            )
            raise MissingPageFileError(f"cannot find {folder / name} of the dashboard's page: {remedy}") from error
        site[path] = SiteFile(body, content_type, f'"{hashlib.sha256(body).hexdigest()[:32]}"')
    return site
