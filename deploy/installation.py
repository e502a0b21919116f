"""Check that the packages of this distribution are the ones that Python finds.

The wheel installs seven top-level packages with common names, such as `trainer`. In an environment of its own that is
safe. If another distribution or the current folder has a package of the same name, Python may import that one, and
the failure would show much later as a missing attribute.
"""

from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("har", "ingest", "stream_processor", "trainer", "model_store", "dashboard", "deploy")
_HERE = Path(__file__).resolve().parents[1]


class ForeignPackageError(RuntimeError):
    """Another package has the name of one of ours; the text says which and what to do."""


def check_packages() -> None:
    """Check every top-level package.

    Raises
    ------
    ForeignPackageError
        If Python finds another package of that name.
    """
    for name in PACKAGES:
        spec = find_spec(name)
        found = None if spec is None or spec.origin is None else Path(spec.origin).resolve().parent
        if found != _HERE / name:
            raise ForeignPackageError(
                f"Python finds the package {name!r} in {found or 'no folder'} instead of {_HERE / name}. Install "
                "har-stream into an environment of its own, and start it in a folder without a package of that name"
            )
