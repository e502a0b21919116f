"""Builds the wheel of this distribution and stubs of other ones, and installs them into environments."""

import base64
import hashlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from dashboard.site import LIBRARY_FILES
from har_stream import PACKAGES
from ingest.gateway.pages import LIBRARIES, load_page

ROOT = Path(__file__).parents[2]
#: Marker of the tests that use the wheel: one worker runs them all, so that it is built once.
on_the_wheel = pytest.mark.xdist_group("wheel")
_UV = Path(sys.executable).with_name("uv")
_FILES = ("har_stream.py", "pyproject.toml", "README.md", "LICENSE")
#: Files of npm's libraries that no page loads.
OTHER_LIBRARY_FILES = (
    "dashboard/web/node_modules/uplot/dist/uPlot.iife.js",
    "dashboard/web/node_modules/uplot/package.json",
    "ingest/phone_page/node_modules/@msgpack/msgpack/dist.esm/index.mjs.map",
    "ingest/phone_page/node_modules/long/index.js",
    "ingest/phone_page/node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.jsep.wasm",
    "ingest/phone_page/node_modules/uplot/dist/uPlot.d.ts",
)


def served_library_files() -> set[str]:
    """Return the files of npm's libraries that the pages load, by their paths in the repository."""
    found = {f"dashboard/web/node_modules/{name}" for _, name in LIBRARY_FILES}
    for served in load_page():
        kind, _, rest = served.partition("/")
        if kind == "vendor":
            library, _, name = rest.partition("/")
            found.add(f"ingest/phone_page/node_modules/{LIBRARIES[library][0]}/{name}")
    return found


def uv(*words: object) -> None:
    """Run uv without a network; the packages are in its cache since `make setup`."""
    done = subprocess.run([_UV, *map(str, words), "--offline", "--quiet"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def build_wheel(source: Path) -> Path:
    """Build the wheel from a copy of the packages, with empty files for npm's libraries; return its path."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
    for file in _FILES:
        shutil.copy(ROOT / file, source / file)
    for name in (*served_library_files(), *OTHER_LIBRARY_FILES):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).touch()
    uv("build", "--wheel", "--no-build-isolation", "--python", sys.executable, "--out-dir", source / "dist", source)
    [built] = (source / "dist").glob("*.whl")
    return built


def make_environment(folder: Path, *wheels: Path) -> Path:
    """Make an environment with wheels, but without what they depend on; return the folder of its programs."""
    uv("venv", "--python", sys.executable, folder)
    for wheel in wheels:
        install(folder, wheel)
    return folder / "bin"


def install(environment: Path, wheel: Path) -> None:
    """Install a wheel without what it depends on."""
    uv("pip", "install", "--python", environment / "bin" / "python", "--no-deps", wheel)


def stub_wheel(folder: Path, name: str, files: Mapping[str, str]) -> Path:
    """Write the wheel of a distribution with these files; return its path."""
    information = f"{name}-1.0.dist-info"
    texts = {
        **files,
        f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{information}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={_digest(text)},{len(text.encode())}\n" for path, text in texts.items())
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in texts.items():
            archive.writestr(path, text)
        archive.writestr(f"{information}/RECORD", f"{record}{information}/RECORD,,\n")
    return wheel


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
