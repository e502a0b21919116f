"""Another package with the name of one of ours is reported, whoever brings it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_package_of_the_same_name_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "trainer").mkdir()
    (tmp_path / "trainer" / "__init__.py").write_text("")
    (tmp_path / "trainer" / "settings.py").write_text((ROOT / "trainer" / "settings.py").read_text("utf-8"), "utf-8")
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-P", "-m", "deploy", "--version"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert f"the package 'trainer' in {tmp_path / 'trainer'}" in done.stderr
    assert "environment of its own" in done.stderr
