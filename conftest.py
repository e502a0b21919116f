"""Collection rules for the examples in docstrings; everything else is in `tests/conftest.py`."""

from pathlib import Path

ROOT = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Ignore modules without examples: pytest would import each of them, and TensorFlow with them."""
    if collection_path.suffix != ".py" or collection_path.is_relative_to(ROOT / "tests"):
        return None
    return ">>> " not in collection_path.read_text("utf-8") or None
