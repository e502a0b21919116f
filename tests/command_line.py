"""Call the `har` command in the test's process: a separate process takes a second for imports."""

from dataclasses import dataclass

import pytest

from deploy import cli


@dataclass(frozen=True)
class CommandResult:
    """The result of a command.

    Attributes
    ----------
    status : int
        Exit status.
    out, err : str
        Text of standard output and standard error.
    """

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class CommandLine:
    """Calls `har` with a test's fixtures."""

    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def call(self, *words: str) -> CommandResult:
        """Call ``har words…``; the logging of this process stays unchanged."""
        self.monkeypatch.setattr("sys.argv", ["har", *words])
        self.monkeypatch.setattr("logging.config.dictConfig", lambda _: None)
        self.capsys.readouterr()
        status = cli.main()
        written = self.capsys.readouterr()
        return CommandResult(status, written.out, written.err)
