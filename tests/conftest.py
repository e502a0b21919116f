"""Fixtures that every folder of tests may use."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings, which are not part of the repository."""
    folder = Path(os.environ.get("HAR_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "hapt_24_users.parquet").exists():
        pytest.skip(f"the real recordings are not in {folder} (set HAR_SHARED_DATA)")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "shared_data" in getattr(item, "fixturenames", ()):
            item.add_marker("recordings")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """In CI, nothing that needs a browser, a broker, Redis or Spark may be skipped."""
    if not os.environ.get("CI"):
        return
    for report in terminalreporter.stats.get("skipped", []):
        needed = {"browser", "kafka", "redis", "spark"} & set(report.keywords)
        if needed:
            terminalreporter.write_line(f"SKIPPED IN CI: {report.nodeid} needs {', '.join(needed)}", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if not os.environ.get("CI") or exitstatus != pytest.ExitCode.OK:
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    assert reporter is not None
    for report in reporter.stats.get("skipped", []):
        if {"browser", "kafka", "redis", "spark"} & set(report.keywords):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
