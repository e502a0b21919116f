"""The wheel holds every file that the two pages serve, and no other files of npm's libraries."""

import zipfile
from pathlib import Path

from dashboard.site import load_site
from har.web.page_files import SHARED
from ingest.gateway.pages import FILE_LIST, load_page
from tests.deploy.wheels import on_the_wheel, served_library_files


def own_files() -> set[str]:
    """Return the files of the pages themselves, by their paths in the repository."""
    phone = {name for name in load_page() if not name.startswith("vendor/")} - {FILE_LIST}
    dashboard = {path.removeprefix("/") or "index.html" for path in load_site()} - {"uplot.js", "uplot.css"}
    return {_path("ingest/phone_page", name) for name in phone} | {_path("dashboard/web", name) for name in dashboard}


def _path(folder: str, name: str) -> str:
    return f"har/web/{name}" if name.startswith(SHARED) else f"{folder}/{name}"


@on_the_wheel
def test_the_wheel_holds_every_file_that_the_pages_serve(wheel: Path) -> None:
    own = own_files()
    assert {"dashboard/web/index.html", "ingest/phone_page/views/trace-view.js", "har/web/shared/base.css"} <= own
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    assert own - held == set()
    assert {name for name in held if "node_modules" in name} == served_library_files()
