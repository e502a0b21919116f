"""Each folder of tests belongs to the folder of code with the same name."""

from pathlib import Path

TESTS = Path(__file__).parent
#: Tests of the whole system.
WHOLE_SYSTEM = {Path("system"), Path("faults")}


def test_each_folder_of_tests_belongs_to_a_folder_of_code():
    folders = {test.parent.relative_to(TESTS) for test in TESTS.rglob("test_*.py")} - WHOLE_SYSTEM
    assert [str(folder) for folder in folders if not (TESTS.parent / folder).is_dir()] == []
