"""`har` ends with one clear line where another distribution or a folder has a package with the name of one of ours."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import har_stream
from tests.deploy.wheels import ROOT, install, make_environment, on_the_wheel, stub_wheel, uv

#: A package of the same name that has nothing of ours.
FOREIGN = '"""Train models, but not of activities."""\n'
#: Most CPU time of the check, without the modules of the standard library that the command line imports anyway, s.
MOST_CPU_TIME = 0.030
_MEASURE = """
import binascii, collections.abc, hashlib, importlib.util, pathlib, sys
from time import process_time
start = process_time()
import har_stream
har_stream.check_packages()
print(process_time() - start)
assert not set(har_stream.PACKAGES) & sys.modules.keys()
"""


def start(*words: object, path: Path | None = None, folder: Path = ROOT.parent) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder, with another one before all others on Python's path."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    return subprocess.run([*map(str, words)], capture_output=True, text=True, env=environment, cwd=folder)


def assert_one_line(done: subprocess.CompletedProcess[str], name: str, path: Path) -> None:
    """Check that the program named the package, the foreign path and the remedy in one line."""
    assert done.returncode == har_stream.FOREIGN_PACKAGE
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("har: ")
    assert repr(name) in line
    assert str(path) in line
    assert "a virtual environment of its own" in line


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with our wheel."""
    return make_environment(tmp_path_factory.mktemp("ours") / "environment", wheel)


@on_the_wheel
def test_the_check_is_quick_and_imports_none_of_our_packages(programs: Path) -> None:
    runs = [start(programs / "python", "-c", _MEASURE) for _ in range(5)]
    assert [run.stderr for run in runs] == [""] * len(runs)
    assert min(float(run.stdout) for run in runs) < MOST_CPU_TIME


@on_the_wheel
@pytest.mark.parametrize("name", har_stream.PACKAGES)
def test_a_package_earlier_on_the_path_is_named(programs: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text(FOREIGN)
    assert_one_line(start(programs / "har", "--version", path=tmp_path), name, tmp_path / name)


@on_the_wheel
def test_a_distribution_in_the_same_site_packages_is_named(wheel: Path, tmp_path: Path) -> None:
    # As editable installs do, it adds a folder of its own to Python's path.
    (tmp_path / "src" / "deploy").mkdir(parents=True)
    (tmp_path / "src" / "deploy" / "__init__.py").write_text(FOREIGN)
    foreign = stub_wheel(
        tmp_path, "foreign", {"foreign.pth": f"import sys; sys.path.insert(0, {str(tmp_path / 'src')!r})\n"}
    )
    programs = make_environment(tmp_path / "environment", wheel, foreign)
    assert_one_line(start(programs / "har", "--version"), "deploy", tmp_path / "src" / "deploy")


@on_the_wheel
def test_a_distribution_unpacked_over_ours_is_named(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    programs = make_environment(environment, wheel)
    [site] = environment.glob("lib/python*/site-packages")
    install(environment, stub_wheel(tmp_path, "foreign", {"trainer/__init__.py": FOREIGN, "trainer/fit.py": ""}))
    file = site.resolve() / "trainer" / "__init__.py"
    assert file.read_text() == FOREIGN
    assert_one_line(start(programs / "har", "--version"), "trainer", file)

    uv("pip", "uninstall", "--python", programs / "python", "foreign")
    assert not file.exists(), "it removed what had been ours"
    assert_one_line(start(programs / "har", "--version"), "trainer", file)


@on_the_wheel
def test_the_record_of_an_older_version_does_not_matter(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    programs = make_environment(environment, wheel)
    [site] = environment.glob("lib/python*/site-packages")
    for version in ("0.0.0", "99.0.0"):
        record = site / f"har_stream-{version}.dist-info" / "RECORD"
        record.parent.mkdir()
        record.write_text("har/__init__.py,sha256=0,0\n")
    done = start(programs / "python", "-c", "import har_stream; har_stream.check_packages()")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_package_in_the_current_folder_is_named_for_python_m_deploy(tmp_path: Path) -> None:
    (tmp_path / "trainer").mkdir()
    (tmp_path / "trainer" / "__init__.py").write_text(FOREIGN)
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    assert_one_line(
        start(sys.executable, "-m", "deploy", "--version", path=Path(path)), "trainer", tmp_path / "trainer"
    )


def test_a_checkout_passes_the_check() -> None:
    done = start(sys.executable, "-m", "deploy", "--version", path=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", done.stdout)


def test_the_projects_file_has_the_same_packages() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
    expected = {*har_stream.PACKAGES}
    found = tools["setuptools"]["packages"]["find"]["include"]
    assert {pattern.removesuffix("*") for pattern in found} == expected
    assert {*tools["mypy"]["packages"]} == expected | {"benchmarks"}
    assert {*tools["importlinter"]["root_packages"]} == expected
    assert {*tools["coverage"]["run"]["source"]} == {*expected, "har_stream"}
