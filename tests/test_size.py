"""Files and functions stay short enough to read in one go."""

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONGEST_FILE = 300
LONGEST_FUNCTION = 50
KINDS = (".py", ".js", ".css", ".html")


def tracked() -> list[Path]:
    """Return all files of code under version control."""
    try:
        listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is not a checkout: git lists the files")
    paths = [ROOT / name for name in listed.splitlines() if name.endswith(KINDS)]
    return [path for path in paths if path.exists()]


def function_lengths(path: Path) -> dict[str, int]:
    """Return the lines of each function of a module, without its docstring."""
    lengths = {}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            if ast.get_docstring(node) is not None:
                docstring = node.body[0]
                assert docstring.end_lineno is not None
                length -= docstring.end_lineno - docstring.lineno + 1
            lengths[f"{path.relative_to(ROOT)}:{node.name}"] = length
    return lengths


def test_no_file_of_code_is_long():
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in tracked()
        if not path.is_relative_to(ROOT / "tests")
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_function_is_long():
    lengths = {
        name: length for path in tracked() if path.suffix == ".py" for name, length in function_lengths(path).items()
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}
