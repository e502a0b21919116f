"""The registry of invited, enrolled and revoked devices, in SQLite or PostgreSQL.

The registry stores enrolment codes and device secrets as SHA-256 digests only. It also stores the key that signs
tokens, so that all gateways of a system share it. Anyone who can read the registry can sign tokens.
"""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self, cast

from sqlalchemy import RowMapping, delete, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from har.process.clock import now_us
from har.time_units import MICROSECONDS
from ingest.devices.device import Device
from ingest.devices.errors import NotAdmittedError, RegistryError
from ingest.devices.registry_database import CODES, DEVICES, KEYS, METADATA, open_database
from ingest.devices.settings import Frame

#: Wearers type codes from a screen, so look-alike characters (I, L, O, 0, 1) are left out. 12 characters are 59 bits.
CODE_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
CODE_LENGTH = 12


class Registry:
    """The device registry. Its methods block and are thread-safe.

    Parameters
    ----------
    url : str
        A database URL of SQLAlchemy, such as ``sqlite:///devices.sqlite3``.

    Raises
    ------
    RegistryError
        From the constructor and every method, if the database cannot be opened, read or written.
    """

    def __init__(self, url: str) -> None:
        self._engine = open_database(url)
        with self._begin() as connection:
            METADATA.create_all(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the database."""
        self._engine.dispose()

    def invite(self, name: str, *, wearer: str | None, frame: Frame, seconds: float) -> str:
        """Return a code that enrols one phone as the device.

        The code works once. Earlier codes of the device become invalid.

        Parameters
        ----------
        name : str
            The device's name; the device is added to the registry if it is new.
        wearer : str or None
            Who wears the device; None keeps the registered wearer.
        frame : {"android", "ios", "standardised", "unknown"}
            The sign convention of the device's axes; ``unknown`` keeps the registered one.
        seconds : float
            How long the code is valid from now on.
        """
        code = "".join(secrets.choice(CODE_LETTERS) for _ in range(CODE_LENGTH))
        with self._begin() as connection:
            self._upsert(connection, name, wearer, frame)
            connection.execute(delete(CODES).where((CODES.c.device == name) | (CODES.c.expires_at < now_us())))
            connection.execute(
                insert(CODES).values(
                    digest=_digest(code), device=name, expires_at=now_us() + round(seconds * MICROSECONDS)
                )
            )
        return "-".join(code[begin : begin + 4] for begin in range(0, CODE_LENGTH, 4))

    def enrol(self, code: str) -> tuple[Device, str]:
        """Redeem a code; return the enrolled device and its new secret.

        Raises
        ------
        NotAdmittedError
            With reason ``unknown_code`` if the code does not exist, was used or has expired.
        """
        digest = _digest("".join(letter for letter in code.upper() if letter.isalnum()))
        secret = secrets.token_urlsafe(32)
        with self._begin() as connection:
            row = connection.execute(select(CODES).where(CODES.c.digest == digest)).mappings().first()
            # If two requests use the same code at once, only one of them deletes the row.
            used = connection.execute(delete(CODES).where(CODES.c.digest == digest)).rowcount
            if row is None or not used or row["expires_at"] < now_us():
                raise NotAdmittedError(
                    "unknown_code",
                    "This code is unknown, was used or has expired. Request a new one (har devices enrol).",
                )
            connection.execute(
                update(DEVICES)
                .where(DEVICES.c.name == row["device"])
                .values(secret_digest=_digest(secret), enrolled_at=now_us(), revoked_at=None)
            )
            return self._get(connection, row["device"]), secret

    def admit(self, name: str, *, wearer: str | None = None, frame: Frame = "unknown") -> Device:
        """Enrol a device without a code, for a token that is copied to it by hand."""
        with self._begin() as connection:
            self._upsert(connection, name, wearer, frame)
            connection.execute(
                update(DEVICES).where(DEVICES.c.name == name).values(enrolled_at=now_us(), revoked_at=None)
            )
            return self._get(connection, name)

    def recognise(self, name: str, secret: str) -> Device:
        """Return the device with this name and secret.

        Raises
        ------
        NotAdmittedError
            With reason ``unknown_device`` if the name or the secret is wrong, ``revoked`` if the device was revoked.
        """
        with self._begin() as connection:
            row = connection.execute(select(DEVICES).where(DEVICES.c.name == name)).mappings().first()
        known = None if row is None else row["secret_digest"]
        if row is None or not secrets.compare_digest(known or b"", _digest(secret)):
            if row is not None and known is None and row["generation"]:
                raise NotAdmittedError(
                    "revoked", f"The device {name} was revoked. Request a new code (har devices enrol {name})."
                )
            raise NotAdmittedError("unknown_device", "The device name or its secret is wrong. Enrol again.")
        return _device(row)

    def revoke(self, name: str) -> Device:
        """Invalidate the device's tokens, secret and codes; return the device.

        Raises
        ------
        NotAdmittedError
            With reason ``unknown_device`` if there is no such device.
        """
        with self._begin() as connection:
            connection.execute(delete(CODES).where(CODES.c.device == name))
            connection.execute(
                update(DEVICES)
                .where(DEVICES.c.name == name)
                .values(generation=DEVICES.c.generation + 1, secret_digest=None, revoked_at=now_us())
            )
            return self._get(connection, name)

    def forget(self, name: str) -> bool:
        """Erase a device's data and revoke it; return whether the device was in the registry.

        The name and the generation stay, because a token for the device may still exist and must stay invalid.
        """
        with self._begin() as connection:
            connection.execute(delete(CODES).where(CODES.c.device == name))
            found = connection.execute(
                update(DEVICES)
                .where(DEVICES.c.name == name)
                .values(
                    wearer=None,
                    frame="unknown",
                    generation=DEVICES.c.generation + 1,
                    secret_digest=None,
                    enrolled_at=None,
                    revoked_at=now_us(),
                )
            )
            return bool(found.rowcount)

    def devices(self) -> list[Device]:
        """Return all devices, sorted by name."""
        with self._begin() as connection:
            return [_device(row) for row in connection.execute(select(DEVICES).order_by(DEVICES.c.name)).mappings()]

    def generations(self) -> dict[str, int]:
        """Return the generation of each device that was revoked or forgotten at least once."""
        with self._begin() as connection:
            found = connection.execute(select(DEVICES.c.name, DEVICES.c.generation).where(DEVICES.c.generation > 0))
            return {name: generation for name, generation in found}

    def signing_key(self) -> bytes:
        """Return the key that signs tokens; the first call creates it."""
        with self._begin() as connection:
            found = self._signing_key(connection)
        if found is not None:
            return found
        try:
            with self._begin() as connection:
                connection.execute(insert(KEYS).values(name="tokens", key=secrets.token_bytes(32)))
        except IntegrityError:
            pass  # another process created the key first; that key is used
        with self._begin() as connection:
            created = self._signing_key(connection)
        assert created is not None
        return created

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except IntegrityError:
            raise
        except SQLAlchemyError as error:
            # The database's own words, without those of SQLAlchemy, on one line.
            reason = " ".join(str(getattr(error, "orig", None) or error).split())
            raise RegistryError(f"cannot use the device registry: {reason}") from error

    @staticmethod
    def _signing_key(connection: Connection) -> bytes | None:
        return cast("bytes | None", connection.execute(select(KEYS.c.key).where(KEYS.c.name == "tokens")).scalar())

    @staticmethod
    def _upsert(connection: Connection, name: str, wearer: str | None, frame: Frame) -> None:
        """Insert the device, or update it; a wearer of None and an unknown frame keep the stored value."""
        changes = {} if wearer is None else {"wearer": wearer}
        if frame != "unknown":
            changes["frame"] = frame
        exists = connection.execute(select(DEVICES.c.name).where(DEVICES.c.name == name)).first() is not None
        if not exists:
            connection.execute(insert(DEVICES).values(name=name, wearer=wearer, frame=frame, generation=0))
        elif changes:
            connection.execute(update(DEVICES).where(DEVICES.c.name == name).values(**changes))

    @staticmethod
    def _get(connection: Connection, name: str) -> Device:
        row = connection.execute(select(DEVICES).where(DEVICES.c.name == name)).mappings().first()
        if row is None:
            raise NotAdmittedError("unknown_device", f"there is no device named {name}")
        return _device(row)


def _device(row: RowMapping) -> Device:
    return Device(row["name"], row["wearer"], row["frame"], row["generation"], row["enrolled_at"], row["revoked_at"])


def _digest(secret: str) -> bytes:
    # Codes and secrets are random and long, so a slow hash would add nothing.
    return hashlib.sha256(secret.encode()).digest()
