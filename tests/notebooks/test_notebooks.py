"""The notebooks run in a real Jupyter kernel, show pictures, and name only what exists."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import numpy as np
import pandas as pd
import pytest

import har
from tests.documents import ROOT, inline_codes
from tests.test_documentation import PACKAGES, anchors, is_defined, rejection

FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("[0-9]_*.py"))
#: The pictures of each notebook.
PICTURES = {"1": 5, "2": 5, "3": 2, "4": 2, "5": 1, "6": 3}
#: Of the whole test, s. On a busy machine a training takes minutes.
LONGEST_SECONDS = 1_200
_LINK = re.compile(r"\]\(([^)\s]+)\)")

each_notebook = pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)


def executed(file: Path, folder: Path, beside: Path = FOLDER) -> nbformat.NotebookNode:
    """Execute a notebook with files in a folder of the test, and modules in another; return it with its outputs."""
    output = folder / "executed.ipynb"
    jupyter = {name: str(folder / "jupyter") for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR")}
    done = subprocess.run(
        [sys.executable, "-m", "jupytext", "--quiet", "--set-kernel", "python3", "--to", "ipynb", "--execute",
         "--run-path", beside, "--output", output, file],
        capture_output=True, text=True, timeout=LONGEST_SECONDS,
        env={**os.environ, **jupyter, "HAR_NOTEBOOKS": str(folder / ".har" / "notebooks")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4_000:]
    return nbformat.read(output, nbformat.NO_CONVERT)


def check_outputs(file: Path, folder: Path) -> None:
    """Execute a notebook; check that it shows its pictures, and prints nothing that its reader should not see."""
    outputs = [
        output for cell in executed(file, folder).cells if cell.cell_type == "code" for output in cell.get("outputs")
    ]
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
    shown = [output.data for output in outputs if "data" in output]
    assert sum("image/png" in data for data in shown) == PICTURES[file.name[0]]
    assert [data["text/plain"] for data in shown if "<Figure" in data.get("text/plain", "") and len(data) == 1] == []


@pytest.mark.slow
def test_a_notebook_without_training_runs_and_shows_its_pictures(tmp_path):
    [file] = FOLDER.glob("5_*.py")
    check_outputs(file, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(LONGEST_SECONDS + 60)
@each_notebook
def test_every_notebook_runs_and_shows_its_pictures(file, tmp_path, request):
    if "on_spark" in file.stem:
        request.getfixturevalue("java")
    check_outputs(file, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(LONGEST_SECONDS + 60)
@pytest.mark.parametrize("number", ["1", "5"])
def test_a_notebook_runs_with_a_file_of_ones_own(number, tmp_path):
    [file] = FOLDER.glob(f"{number}_*.py")
    seconds = np.arange(1_000) / 50  # the first person showed one activity, the second another
    x = np.random.default_rng(0).normal(0, 0.05, len(seconds))
    own = [pd.DataFrame({"t": seconds, "x": x, "y": 0.2, "z": 9.8, "user": user, "label": user}) for user in "ab"]
    pd.concat(own[: 1 if number == "5" else 2]).to_csv(tmp_path / "own.csv", index=False)
    for module in FOLDER.glob("[a-z]*.py"):
        shutil.copy(module, tmp_path)
    changed, count = re.subn(r"(?m)^FILE = .*", f"FILE = {str(tmp_path / 'own.csv')!r}", file.read_text("utf-8"))
    assert count == 1
    (tmp_path / file.name).write_text(changed, "utf-8")
    shown = [output for cell in executed(tmp_path / file.name, tmp_path, tmp_path).cells for output in
             cell.get("outputs", []) if "image/png" in output.get("data", {})]  # fmt: skip
    assert len(shown) == PICTURES[number]


def test_the_notebooks_are_numbered():
    assert [file.name[0] for file in NOTEBOOKS] == list(PICTURES)


@each_notebook
def test_a_notebook_begins_with_what_it_needs_takes_and_writes(file):
    cells = jupytext.read(file).cells
    assert cells[0].cell_type == "markdown"
    assert cells[0].source.startswith(f"# {file.name[0]}. ")
    assert re.findall(r"^- \*\*(.+?)\*\*", cells[0].source, re.MULTILINE) == ["You need", "It takes", "It writes"]


@each_notebook
def test_a_notebook_is_kept_as_text_alone(file):
    # A header of settings would change with each version of Jupyter.
    assert file.read_text("utf-8").startswith("# %% [markdown]\n")


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.py")), ids=lambda file: file.stem)
def test_the_imported_names_exist(file):
    tree = ast.parse(file.read_text("utf-8"))
    imported = {
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    own = {f"notebooks.{name}" if (FOLDER / f"{name.split('.')[0]}.py").exists() else name for name in imported}
    ours = {name for name in own if name.split(".")[0] in {*PACKAGES, "notebooks"}}
    assert [name for name in sorted(ours) if not is_defined(name)] == []
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "har"
    }
    assert used - {*har.__all__} == set()


@each_notebook
def test_links_and_commands_in_the_text_exist(file, monkeypatch, capsys):
    text = "\n\n".join(cell.source for cell in jupytext.read(file).cells if cell.cell_type == "markdown")
    broken = []
    for link in _LINK.findall(text):
        path, _, anchor = link.partition("#")
        target = FOLDER / path.replace(".ipynb", ".py")
        if "://" not in link and (not target.exists() or (anchor and anchor not in anchors(target))):
            broken.append(link)
    assert broken == []
    faults = {}
    for code in inline_codes(text):
        if code.startswith("har "):
            with monkeypatch.context() as patch:
                faults[code] = rejection(patch, capsys, "", code.removeprefix("har "), is_fragment=True)
    assert {code: fault for code, fault in faults.items() if fault} == {}
