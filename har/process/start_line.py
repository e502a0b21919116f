"""The line that a service logs once it listens and is connected."""

import logging
from collections.abc import Mapping

from har.process.settings import LogSettings, masked_url


def log_start(
    log: logging.Logger,
    settings: LogSettings,
    *,
    listens: Mapping[str, str] | None = None,
    connections: Mapping[str, tuple[str, str | None]] | None = None,
    uses: Mapping[str, str] | None = None,
) -> None:
    """Log on one line where a service listens, what it is connected to, and its settings, with passwords masked.

    The settings are those that differ from their defaults, or all of them if the level is debug. In JSON, each argument
    is a field, too.

    Parameters
    ----------
    log : logging.Logger
        The service's log.
    settings : LogSettings
        The service's settings.
    listens : mapping of str to str, optional
        What the service offers, and the URL of each.
    connections : mapping of str to tuple of str and (str or None), optional
        The names of other services with their addresses, and what is wrong with the connection; None if it works. The
        service runs without those that cannot be used yet, and connects later.
    uses : mapping of str to str, optional
        What else the service works with, such as its release.
    """
    is_debug = log.isEnabledFor(logging.DEBUG)
    shown = settings.all_shown() if is_debug else settings.changed()
    listed = " ".join(f"{name}={value}" for name, value in shown.items())
    rest = "" if is_debug else "; the others have their defaults"
    connected = {name: address for name, (address, fault) in (connections or {}).items() if fault is None}
    away = {name: (address, fault) for name, (address, fault) in (connections or {}).items() if fault is not None}
    parts = [
        *(f"{name} at {masked_url(url)}" for name, url in (listens or {}).items()),
        *(f"connected to {name} at {masked_url(address)}" for name, address in connected.items()),
        *(f"{name} at {masked_url(address)} {fault}" for name, (address, fault) in away.items()),
        *(f"{name} {value}" for name, value in (uses or {}).items()),
        f"settings: {listed}{rest}" if listed else "all settings have their defaults",
    ]
    fields = {
        "listens": _masked(listens),
        "connected": _masked(connected),
        "away": _masked({name: address for name, (address, _) in away.items()}),
        "uses": dict(uses or {}),
        "settings": shown,
    }
    log.info("started: %s", "; ".join(parts), extra={"fields": fields})


def _masked(addresses: Mapping[str, str] | None) -> dict[str, str]:
    return {name: masked_url(address) for name, address in (addresses or {}).items()}
