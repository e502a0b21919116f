"""The files of the page, read once and served from memory."""

import re
from pathlib import Path

from har.web.page_files import PageFile, read_file, read_page

WEB_FOLDER = Path(__file__).parent / "web"

#: The served files of the chart library: URL path, and path in the folder of libraries.
LIBRARY_FILES = (("/uplot.js", "uplot/dist/uPlot.esm.js"), ("/uplot.css", "uplot/dist/uPlot.min.css"))
_PACKAGE_REMEDY = "install the package again"
_LIBRARY_REMEDY = "run `make setup`, or `npm ci --omit=dev --ignore-scripts` in dashboard/web"
_DOCUMENT = "index.html"
#: Matches what the document loads: scripts, styles and pictures.
_LOADED = re.compile(r'(?:href|src)="\.(/[^"]+)"')

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


def load_site(folder: Path = WEB_FOLDER) -> dict[str, PageFile]:
    """Read the page, its scripts and styles, those that it shares with the phone page, and the chart library.

    Returns
    -------
    dict of str to PageFile
        The files by URL path.

    Raises
    ------
    MissingPageFileError
        If the page, a file that it loads, or the chart library is missing. The message contains the remedy.
    """
    libraries = folder / "node_modules"
    try:
        site = {f"/{name}": file for name, file in read_page(folder).items()}
        site["/"] = site.pop(f"/{_DOCUMENT}")
    except (FileNotFoundError, KeyError) as error:
        raise MissingPageFileError(f"cannot find the dashboard's page in {folder}: {_PACKAGE_REMEDY}") from error
    for path, name in LIBRARY_FILES:
        if not (libraries / name).is_file():
            raise MissingPageFileError(f"cannot find {libraries / name} of the dashboard's page: {_LIBRARY_REMEDY}")
        site[path] = read_file(libraries / name)
    for path in _LOADED.findall(site["/"].body.decode()):
        if path not in site:
            raise MissingPageFileError(f"cannot find {folder}{path} of the dashboard's page: {_PACKAGE_REMEDY}")
    return site
