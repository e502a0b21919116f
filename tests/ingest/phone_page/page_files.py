"""The files of the phone page as the gateway serves them, for the tests' own servers."""

from functools import cache
from pathlib import Path

from har.web.page_files import PageFile
from ingest.gateway.pages import FILE_LIST, LIBRARIES, PREFIX, SECURITY_HEADERS, load_page

FOLDER = Path(__file__).parents[3] / "ingest" / "phone_page"
#: Files that the dashboard serves, too.
SHARED_FOLDER = FOLDER.parents[1] / "har" / "web" / "shared"
#: Folders of the libraries, by name.
VENDOR = {name: FOLDER / "node_modules" / path for name, (path, _) in LIBRARIES.items()}

__all__ = [
    "FILE_LIST",
    "FOLDER",
    "PREFIX",
    "SECURITY_HEADERS",
    "SHARED_FOLDER",
    "VENDOR",
    "PageFile",
    "module_names",
    "page_files",
]


@cache
def page_files() -> dict[str, PageFile]:
    """Return the files by their name below ``/phone/``."""
    return load_page()


def module_names() -> list[str]:
    """Return the page's own scripts, by their name below ``/phone/``."""
    return sorted(
        name for name in page_files() if name.endswith(".js") and not name.startswith("vendor/") and name != FILE_LIST
    )
