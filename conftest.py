"""What applies to the examples in docstrings, too; everything else is in `tests/conftest.py`."""

from pathlib import Path

ROOT = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out modules without examples: to look for some, each would be imported, and TensorFlow with them."""
    if collection_path.suffix != ".py" or collection_path.is_relative_to(ROOT / "tests"):
        return None
    return ">>> " not in collection_path.read_text("utf-8") or None
