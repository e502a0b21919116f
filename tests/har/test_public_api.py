"""The public names are there, and loading the package loads none of them."""

import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import har

#: The names and parameters that callers rely on. docs/api.md says how one may be changed.
PROMISED = Path(__file__).with_name("public_api.txt")


def test_every_public_name_can_be_imported() -> None:
    for name in har.__all__:
        assert getattr(har, name).__module__.startswith(("har.", "classify."))
        assert name in dir(har)
    assert sorted(har.__all__) == sorted(set(har.__all__))


def test_no_module_of_the_package_has_a_public_name_as_it_would_take_its_place_once_imported() -> None:
    assert {module.name for module in pkgutil.iter_modules(har.__path__)} & {*har.__all__} == set()


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(har, "no_such_name")


def test_importing_the_package_loads_no_module_of_it() -> None:
    listed = "import sys, har; print([name for name in sys.modules if name.startswith('har.')])"
    assert subprocess.run([sys.executable, "-c", listed], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_domain_itself_loads_nothing_that_the_python_door_needs() -> None:
    modules = [f"har.{module.name}" for module in pkgutil.iter_modules(har.__path__) if module.name != "process"]
    listed = f"import sys, {', '.join(modules)}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    loaded = subprocess.run([sys.executable, "-c", listed], capture_output=True, text=True, check=True).stdout.split()
    assert {"classify", "recording_files", "model_store", "pandas", "pyarrow", "onnxruntime"} & {*loaded} == set()
    assert "numpy" in loaded


def test_promised_names_and_parameters_are_still_there() -> None:
    made = {line for name in har.__all__ for line in promises(name)}
    promised = PROMISED.read_text().splitlines()
    assert [line for line in promised if not any(keeps(line, each) for each in made)] == []
    assert {*har.__all__} == {re.split(r"[.(:]", line)[0] for line in promised}


@pytest.mark.parametrize(
    ("made", "is_kept"),
    [
        ("f(a, b=...)", True),
        ("f(a, b=..., *, c=...)", True),
        ("f(a, b=..., c)", False),
        ("f(c=..., a, b=...)", False),
        ("f(a)", False),
        ("f(a, b)", False),
        ("f", False),
        ("g(a, b=...)", False),
    ],
)
def test_only_optional_parameters_at_the_end_may_be_new(made: str, is_kept: bool) -> None:
    assert keeps("f(a, b=...)", made) is is_kept


def keeps(promised: str, made: str) -> bool:
    """Return whether callers of what was promised can call what there is."""
    name, _, parameters = promised.rstrip(")").partition("(")
    made_name, _, made_parameters = made.rstrip(")").partition("(")
    old, new = parameters.split(", "), made_parameters.split(", ")
    further = new[len(old) :]
    return (name, old) == (made_name, new[: len(old)]) and all("=" in each or each[0] == "*" for each in further)


def promises(name: str) -> list[str]:
    """Return a line for a public name, and one for each public member of its class."""
    found = getattr(har, name)
    if not inspect.isclass(found):
        return [parameters(name, found)]
    members = {
        each for kind in found.__mro__ if kind.__module__.startswith(("har.", "classify.")) for each in vars(kind)
    }
    members |= {each for kind in found.__mro__ for each in getattr(kind, "__annotations__", {})}
    public = sorted(each for each in members if not each.startswith("_"))
    made = [parameters(f"{name}.{each}", getattr(found, each, None)) for each in public]
    if found.__module__.startswith("classify."):  # messages get new fields, and are made by decoding them
        made.append(parameters(name, found.__init__))
    return [f"{name}: class", *made]


def parameters(name: str, found: object) -> str:
    """Return a name, with the parameters of a function and whether they are optional."""
    if not inspect.isroutine(found):
        return name
    given = [
        each.replace(annotation=each.empty, default=each.empty if each.default is each.empty else ...)
        for each in inspect.signature(found).parameters.values()
    ]
    return f"{name}{inspect.Signature(given)}".replace("Ellipsis", "...")
