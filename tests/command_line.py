"""The `har` command, called in the test's own process: one of its own takes a second to import what it needs."""

from dataclasses import dataclass

import pytest

from deploy import cli


@dataclass(frozen=True)
class Called:
    """What a command left.

    Attributes
    ----------
    status : int
        Its exit status.
    out, err : str
        What it wrote to standard output and standard error.
    """

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class CommandLine:
    """Calls `har`, for a test's fixtures."""

    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def call(self, *words: str) -> Called:
        """Call ``har words…``; this process keeps its own logging."""
        self.monkeypatch.setattr("sys.argv", ["har", *words])
        self.monkeypatch.setattr("logging.config.dictConfig", lambda _: None)
        self.capsys.readouterr()
        status = cli.main()
        written = self.capsys.readouterr()
        return Called(status, written.out, written.err)
