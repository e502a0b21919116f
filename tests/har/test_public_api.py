"""The public names are there, and loading the package loads none of them."""

import pkgutil
import subprocess
import sys

import har


def test_every_public_name_can_be_imported() -> None:
    for name in har.__all__:
        assert getattr(har, name).__module__.startswith("har.")
    assert sorted(har.__all__) == sorted(set(har.__all__))


def test_no_module_of_the_package_has_a_public_name_as_it_would_take_its_place_once_imported() -> None:
    assert {module.name for module in pkgutil.iter_modules(har.__path__)} & {*har.__all__, "windows"} == set()


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(har, "no_such_name")


def test_importing_the_package_loads_no_module_of_it() -> None:
    listed = "import sys, har; print([name for name in sys.modules if name.startswith('har.')])"
    assert subprocess.run([sys.executable, "-c", listed], capture_output=True, text=True, check=True).stdout == "[]\n"
