"""The files of the pages: which are read, and when a browser has one already."""

import subprocess
import sys
from pathlib import Path

import pytest

from har.web.page_files import CONTENT_TYPES, PageFile, read_folder, read_page

FILE = PageFile(b"content", "text/html; charset=utf-8")


@pytest.mark.parametrize(
    "header",
    [FILE.etag, f"W/{FILE.etag}", f'"other", {FILE.etag}', f'W/"other",W/{FILE.etag} , "more"', "*", " * "],
)
def test_a_file_that_the_browser_has_matches(header: str) -> None:
    assert FILE.matches(header)


@pytest.mark.parametrize("header", [None, "", '"other"', FILE.etag.strip('"'), f"{FILE.etag}x", '"*"', 'w/"other", W/'])
def test_another_or_no_entity_tag_does_not_match(header: str | None) -> None:
    assert not FILE.matches(header)


def test_the_entity_tag_depends_on_the_content_only() -> None:
    assert PageFile(b"content", "text/css; charset=utf-8").etag == FILE.etag
    assert PageFile(b"Content", FILE.content_type).etag != FILE.etag


def test_only_known_types_are_read_and_no_libraries(tmp_path: Path) -> None:
    served = ["index.html", "main.js", "style.css", "views/view.js", "views/deep/view.css", "icon.png", "a.webmanifest"]
    others = ["package.json", "package-lock.json", "tsconfig.json", "libraries.d.ts", "main.js.map", "README", ".js"]
    others += ["node_modules/idb/build/index.js", "node_modules/package.js", "views/node_modules/x/index.js"]
    for name in [*served, *others]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    found = read_folder(tmp_path)
    assert sorted(found) == sorted(served)
    assert {name: file.body.decode() for name, file in found.items()} == {name: name for name in served}
    assert found["views/view.js"].content_type == CONTENT_TYPES[".js"]
    assert sorted(read_folder(tmp_path, ("view.js", "package.json"))) == ["views/view.js"]


def test_a_page_has_the_shared_files(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("x")
    assert {"index.html", "shared/base.css", "shared/wording.js"} <= read_page(tmp_path).keys()


def test_it_needs_no_web_framework() -> None:
    program = "import sys, har.web.page_files; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"aiohttp", "fastapi", "starlette", "uvicorn"} & {*done.stdout.split()}
