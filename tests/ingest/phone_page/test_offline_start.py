"""The page opens offline, always with all files of one version."""

import json
import posixpath
import re
from pathlib import Path
from typing import Any

from tests.ingest.phone_page.page_files import FILE_LIST, FOLDER, SHARED_FOLDER, VENDOR, module_names, page_files
from tests.ingest.phone_page.phone_in_browser import assert_all_arrived

IMPORT = re.compile(r"""(?:from|import)\s*\(?\s*["'](\.[^"']+)["']""")
#: What the page's document names: styles, icons and the manifest; and the icons of the manifest.
ASSETS = {
    *re.findall(r'href="\./([^"]+)"', (FOLDER / "index.html").read_text("utf-8")),
    *(file.name for file in FOLDER.glob("icon*")),
}


def test_the_service_worker_caches_all_files_of_the_page() -> None:
    text = page_files()[FILE_LIST].body.decode()
    shell, on_demand = (set(json.loads(line.split(" = ")[1].rstrip(";"))) for line in text.splitlines())
    modules = set(module_names()) - {"service-worker.js"}
    needed: set[str] = set()
    open_ends = [*modules]
    while open_ends:
        name = open_ends.pop()
        if name in needed:
            continue
        needed.add(name)
        if name.startswith("vendor/onnxruntime/"):
            continue  # one bundle without imports
        base = name.rpartition("/")[0]
        for target in IMPORT.findall(source_of(name).read_text()):
            open_ends.append(posixpath.normpath(posixpath.join(base, target)))
    onnxruntime = {name for name in needed if name.startswith("vendor/onnxruntime/")}
    assert shell >= (needed - onnxruntime) | ASSETS | {"./"}
    assert {"style.css", "views/views.css", "shared/base.css", "vendor/uplot/uPlot.min.css"} <= ASSETS
    assert "trust.css" not in shell
    assert onnxruntime <= on_demand
    assert (shell | on_demand) - {"./"} <= page_files().keys()


def source_of(name: str) -> Path:
    """Return the file that is served under a name."""
    kind, _, rest = name.partition("/")
    if kind == "vendor":
        library, _, file = rest.partition("/")
        return VENDOR[library] / file
    return SHARED_FOLDER / rest if kind == "shared" else FOLDER / name


def test_it_opens_and_records_without_a_gateway(phone: Any, page_gateway: Any) -> None:
    phone.allow_service_workers()
    phone.enrol()
    phone.wait_until_it_opens_offline()
    page_gateway.stop()
    phone.open()
    assert phone.state()["device"] == page_gateway.device
    phone.wait_for_text("connection-text", "No gateway")
    phone.start()
    phone.shake(0.5)
    phone.wait(lambda: phone.state()["waiting"] >= 4)
    phone.click("start")
    recorded = phone.recorded()
    page_gateway.start()
    phone.wait_until_all_is_sent()
    assert_all_arrived(recorded, page_gateway.batches)
    kept = phone.asynchronously(
        "const found = [];"
        "for (const name of await caches.keys())"
        "  for (const { url } of await (await caches.open(name)).keys()) found.push(new URL(url).pathname);"
        "return found"
    )
    assert kept
    assert not [path for path in kept if "/v1/" in path or "/store/" in path or "configuration.json" in path]


def test_a_new_version_is_used_only_if_all_its_files_arrive(phone: Any, page_gateway: Any) -> None:
    phone.allow_service_workers()
    phone.enrol()
    phone.wait_until_it_opens_offline()
    wording = (SHARED_FOLDER / "wording.js").read_bytes()
    index = (FOLDER / "index.html").read_bytes()
    page_gateway.extra_files = {
        "shared/wording.js": wording + b"\nexport const VERSION = 2;\n",
        "index.html": index.replace(b"Human activity, this phone</title>", b"Version 2</title>"),
    }
    phone.open()
    assert phone.browser.title == "Version 2"
    assert version(phone) == 2
    page_gateway.extra_files = {
        "index.html": index.replace(b"Human activity, this phone</title>", b"Version 3</title>"),
        "shared/wording.js": None,
    }
    phone.open()
    assert phone.browser.title == "Version 2", "a file of the new version is missing"
    assert version(phone) == 2
    page_gateway.extra_files["shared/wording.js"] = wording + b"\nexport const VERSION = 3;\n"
    phone.open()
    assert phone.browser.title == "Version 3"
    assert version(phone) == 3
    page_gateway.stop()
    phone.open()
    assert phone.browser.title == "Version 3"
    assert version(phone) == 3


def version(phone: Any) -> Any:
    return phone.asynchronously("return (await import('/phone/shared/wording.js')).VERSION ?? 1")


def test_it_can_be_installed(phone: Any, page_gateway: Any) -> None:
    phone.allow_service_workers()
    phone.enrol()
    phone.wait(lambda: phone.evaluate("navigator.serviceWorker.controller !== null"))
    manifest = phone.browser.execute_cdp_cmd("Page.getAppManifest", {})
    assert manifest["errors"] == []
    faults = phone.browser.execute_cdp_cmd("Page.getInstallabilityErrors", {})["installabilityErrors"]
    assert [fault["errorId"] for fault in faults if fault["errorId"] != "in-incognito"] == []


def test_icons_have_the_sizes_in_the_manifest() -> None:
    for name, size in (
        ("icon-180.png", 180),
        ("icon-192.png", 192),
        ("icon-512.png", 512),
        ("icon-maskable-512.png", 512),
    ):
        header = (FOLDER / name).read_bytes()[:24]
        assert header[:8] == b"\x89PNG\r\n\x1a\n"
        assert (int.from_bytes(header[16:20]), int.from_bytes(header[20:24])) == (size, size)
