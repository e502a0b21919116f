"""`har devices`: manage the device registry from the command line."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime

from har.process.ending import NOT_REACHED, REACHED, report_failure
from ingest.devices import tokens
from ingest.devices.errors import NotAdmittedError, RegistryError
from ingest.devices.invitations import invitation, printed_code
from ingest.devices.registry import Registry
from ingest.devices.settings import (
    DevicesSettings,
    EnrolSettings,
    ForgetSettings,
    ListDevicesSettings,
    RevokeSettings,
    TokenSettings,
)

DAY_SECONDS = 86_400


def run(settings: DevicesSettings, forget_elsewhere: Callable[[ForgetSettings], bool] = lambda _: True) -> int:
    """Run the selected subcommand; return the exit status.

    Parameters
    ----------
    settings : DevicesSettings
        The subcommand and its options.
    forget_elsewhere : callable
        Erases a device from what this package does not know; prints what it did, and returns whether it succeeded.
    """
    chosen = settings.enrol or settings.token or settings.revoke or settings.list or settings.forget
    assert chosen is not None
    try:
        with Registry(chosen.registry) as registry:
            return _run_subcommand(chosen, registry, forget_elsewhere)
    except (NotAdmittedError, RegistryError) as error:
        report_failure("har devices", error)
        return NOT_REACHED


def _run_subcommand(
    chosen: EnrolSettings | TokenSettings | RevokeSettings | ListDevicesSettings | ForgetSettings,
    registry: Registry,
    forget_elsewhere: Callable[[ForgetSettings], bool],
) -> int:
    if isinstance(chosen, EnrolSettings):
        return _enrol(chosen, registry)
    if isinstance(chosen, TokenSettings):
        return _token(chosen, registry)
    if isinstance(chosen, RevokeSettings):
        registry.revoke(chosen.name)
        print(f"{chosen.name} is revoked; gateways disconnect it within seconds. `har devices enrol` admits it again.")
        return REACHED
    if isinstance(chosen, ListDevicesSettings):
        return _list(registry)
    # Imported here, because only this subcommand needs the libraries of the archive and Redis.
    from ingest.devices.forgetting import forget_device  # noqa: PLC0415

    return forget_device(chosen, registry, forget_elsewhere)


def _enrol(chosen: EnrolSettings, registry: Registry) -> int:
    seconds = 60 * chosen.minutes
    code = registry.invite(chosen.name, wearer=chosen.wearer, frame=chosen.frame, seconds=seconds)
    invited = invitation(chosen.name, code, chosen.url, seconds=seconds)
    print(printed_code(invited.url))
    print(f"  Open on the phone:    {invited.url}")
    print(f"  or type the code:     {code}")
    print(f"  The code enrols one phone as {chosen.name}. It works once, within {chosen.minutes:g} min.")
    return REACHED


def _token(chosen: TokenSettings, registry: Registry) -> int:
    device = registry.admit(chosen.name, wearer=chosen.wearer, frame=chosen.frame)
    token, expires = tokens.issue(registry.signing_key(), device, chosen.days * DAY_SECONDS)
    print(f"Authorization: Bearer {token}")
    print(
        f"valid for {chosen.name} until {_local_time(expires)}; anyone who has this token can send as {chosen.name}",
        file=sys.stderr,
    )
    return REACHED


def _list(registry: Registry) -> int:
    devices = registry.devices()
    if not devices:
        print("no devices yet; invite one with `har devices enrol NAME`")
        return REACHED
    width = max(len(device.name) for device in devices)
    for device in devices:
        if device.revoked_at is not None:
            state = f"revoked {_local_time(device.revoked_at)}"
        elif device.enrolled_at is not None:
            state = f"enrolled {_local_time(device.enrolled_at)}"
        else:
            state = "invited"
        worn = f"worn by {device.wearer}" if device.wearer else ""
        print(f"{device.name:<{width}}  {state:<32}  {device.frame:<12}  {worn}".rstrip())
    return REACHED


def _local_time(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds / 1e6, UTC).astimezone().isoformat(" ", "minutes")
