"""`har data`: fetch data sets, simulate background, and report what data sets contain."""

from har.process import interrupts
from trainer.data_settings import DataSettings


def run(settings: DataSettings) -> int:
    """Run the subcommand; return the exit status."""
    if settings.fetch is not None:
        with interrupts.ending_at_once():
            from trainer.public_data.fetching import run as run_fetch  # noqa: PLC0415 - needs no matplotlib

        return run_fetch(settings.fetch)
    if settings.simulate is not None:
        with interrupts.ending_at_once():
            from trainer.simulation.source import run as run_simulate  # noqa: PLC0415

        return run_simulate(settings.simulate)
    assert settings.report is not None
    with interrupts.ending_at_once():
        from trainer.data_report.report import run as run_report  # noqa: PLC0415

    return run_report(settings.report)
