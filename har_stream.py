"""Entry point of the `har` command, which checks the installation before it imports a package of this distribution.

The wheel installs nine top-level packages with common names, such as `trainer`. In a virtual environment of its own
that is safe. Elsewhere, Python may find a package of the same name that another distribution or the current folder
brings, or another distribution may have overwritten files of ours. The failure would be a missing module or attribute.

This module has a name of its own, lies beside the packages, and uses the standard library only. It reads the list of
files that lies beside it, and not the one that `importlib.metadata` finds: that may be of another installation.
"""

import hashlib
import sys
from binascii import b2a_base64
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

#: The top-level packages of this distribution.
PACKAGES = (
    "har",
    "recording_files",
    "classify",
    "ingest",
    "stream_processor",
    "trainer",
    "model_store",
    "dashboard",
    "deploy",
)
#: The exit status if Python would import another package instead of ours.
FOREIGN_PACKAGE = 2
_HERE = Path(__file__).resolve().parent


class ForeignPackageError(RuntimeError):
    """Python would import another package instead of ours. The message names it, and what to do."""


def check_packages() -> None:
    """Check that Python finds our packages, and that each has its own `__init__.py`.

    The packages lie beside this module, whether the distribution was installed from a wheel, editable or not at all.
    Beside those of a wheel lies its ``RECORD``, the list of its files with their hashes.

    Raises
    ------
    ForeignPackageError
        If Python finds another package of the same name, or if an `__init__.py` is not the wheel's.
    """
    hashes: dict[str, set[str]] = {}
    for path, recorded in _recorded_hashes():  # an upgrade may leave the record of an older version behind
        hashes.setdefault(path, set()).add(recorded)
    for name in PACKAGES:
        folder = _HERE / name
        found = _folder_of(name)
        if found != folder:
            raise ForeignPackageError(
                f"Python finds the package {name!r} in {found or 'no folder'} instead of {folder}. Install har-stream "
                "into a virtual environment of its own, and start it in a folder without a package of that name"
            )
        file = folder / "__init__.py"
        expected = hashes.get(f"{name}/__init__.py")
        if expected is not None and not (file.is_file() and _hash(file) in expected):
            raise ForeignPackageError(
                f"another distribution has overwritten or removed {file} of the package {name!r}. Install har-stream "
                "into a virtual environment of its own"
            )


def main() -> int:
    """Check the installation, and run the command line; return the exit status."""
    try:
        check_packages()
    except ForeignPackageError as error:
        print(f"har: {error}", file=sys.stderr)
        return FOREIGN_PACKAGE
    from har.process import interrupts

    with interrupts.ending_at_once():
        from deploy import cli
        from har.process.output import run_with_output
    return run_with_output(cli.main)


def _folder_of(name: str) -> Path | None:
    """Return the folder that Python would import a package from, or None. Several folders make a namespace package."""
    spec = find_spec(name)
    if spec is None:
        return None
    if spec.origin is not None:
        return Path(spec.origin).resolve().parent
    return next((Path(folder).resolve() for folder in spec.submodule_search_locations or ()), None)


def _recorded_hashes() -> Iterator[tuple[str, str]]:
    """Yield the files of the installed wheel, relative to this folder, and their hashes; nothing in a checkout."""
    for record in _HERE.glob("har_stream-*.dist-info/RECORD"):
        for line in record.read_text("utf-8").splitlines():
            path, recorded, _ = line.rsplit(",", 2)
            if recorded.startswith("sha256="):
                yield path, recorded


def _hash(file: Path) -> str:
    """Return the hash of a file as ``RECORD`` has it: URL-safe base 64 without padding."""
    digest = b2a_base64(hashlib.sha256(file.read_bytes()).digest(), newline=False)
    return "sha256=" + digest.translate(bytes.maketrans(b"+/", b"-_")).rstrip(b"=").decode()


if __name__ == "__main__":
    sys.exit(main())
