"""The registry of devices: who was invited, who came, and who may no longer send. SQLite, or PostgreSQL by its URL.

Nothing in it lets anybody in by itself: of codes and secrets only digests are kept. What signs tokens is kept here, so
that all gateways of a system know it; whoever can read the registry can sign.
"""

import hashlib
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self, cast

from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    RowMapping,
    String,
    Table,
    create_engine,
    delete,
    event,
    insert,
    select,
    update,
)
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError

from ingest.devices.device import Device
from ingest.devices.errors import NotAdmittedError, RegistryError
from ingest.devices.settings import Frame

SECOND_US = 1_000_000
#: A code is read from a screen and typed: no letter of it looks like another or like a digit. 12 of 31 are 59 bits.
CODE_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
CODE_LENGTH = 12

_metadata = MetaData()
_devices = Table(
    "devices",
    _metadata,
    Column("name", String(64), primary_key=True),
    Column("wearer", String(64)),
    Column("frame", String(16), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("secret_digest", LargeBinary(32)),
    Column("enrolled_at", BigInteger),
    Column("revoked_at", BigInteger),
)
_codes = Table(
    "enrolment_codes",
    _metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("device", String(64), nullable=False, index=True),
    Column("expires_at", BigInteger, nullable=False),
)
_keys = Table(
    "signing_keys",
    _metadata,
    Column("name", String(32), primary_key=True),
    Column("key", LargeBinary(32), nullable=False),
)


class Registry:
    """The registry; its calls block, and may come from any thread.

    Parameters
    ----------
    url : str
        As SQLAlchemy takes it, such as ``sqlite:///devices.sqlite3``.

    Raises
    ------
    RegistryError
        Here and from every call: if it cannot be opened, read or written.
    """

    def __init__(self, url: str) -> None:
        self._engine = _open(url)
        with self._begin() as connection:
            _metadata.create_all(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect."""
        self._engine.dispose()

    def invite(self, name: str, *, wearer: str | None, frame: Frame, seconds: float) -> str:
        """Return a code with which one phone can become the device, once and within some time.

        A code that was given out for the device before is of no use any more.
        """
        code = "".join(secrets.choice(CODE_LETTERS) for _ in range(CODE_LENGTH))
        with self._begin() as connection:
            self._ensure(connection, name, wearer, frame)
            connection.execute(delete(_codes).where((_codes.c.device == name) | (_codes.c.expires_at < _now_us())))
            connection.execute(
                insert(_codes).values(
                    digest=_digest(code), device=name, expires_at=_now_us() + round(seconds * SECOND_US)
                )
            )
        return "-".join(code[begin : begin + 4] for begin in range(0, CODE_LENGTH, 4))

    def enrol(self, code: str) -> tuple[Device, str]:
        """Use a code up; return the device that its bearer is from now on, and the device's secret.

        Raises
        ------
        NotAdmittedError
            If there is no such code, or not any more.
        """
        digest = _digest("".join(letter for letter in code.upper() if letter.isalnum()))
        secret = secrets.token_urlsafe(32)
        with self._begin() as connection:
            row = connection.execute(select(_codes).where(_codes.c.digest == digest)).mappings().first()
            # Of two that come with the same code, one deletes it.
            used = connection.execute(delete(_codes).where(_codes.c.digest == digest)).rowcount
            if row is None or not used or row["expires_at"] < _now_us():
                raise NotAdmittedError(
                    "unknown_code",
                    "this code was used, has expired, or never was one: ask for another (har devices enrol)",
                )
            connection.execute(
                update(_devices)
                .where(_devices.c.name == row["device"])
                .values(secret_digest=_digest(secret), enrolled_at=_now_us(), revoked_at=None)
            )
            return self._get(connection, row["device"]), secret

    def admit(self, name: str, *, wearer: str | None = None, frame: Frame = "unknown") -> Device:
        """Enrol a device without a code, for a token that somebody carries to it."""
        with self._begin() as connection:
            self._ensure(connection, name, wearer, frame)
            connection.execute(
                update(_devices).where(_devices.c.name == name).values(enrolled_at=_now_us(), revoked_at=None)
            )
            return self._get(connection, name)

    def recognise(self, name: str, secret: str) -> Device:
        """Return the device that knows this secret.

        Raises
        ------
        NotAdmittedError
            If it is not the device's secret, or the device was revoked.
        """
        with self._begin() as connection:
            row = connection.execute(select(_devices).where(_devices.c.name == name)).mappings().first()
        known = None if row is None else row["secret_digest"]
        if row is None or not secrets.compare_digest(known or b"", _digest(secret)):
            if row is not None and known is None and row["generation"]:
                raise NotAdmittedError("revoked", f"{name} was revoked: ask for a new code (har devices enrol {name})")
            raise NotAdmittedError("unknown_device", "no device has this name and secret: enrol again")
        return _device(row)

    def revoke(self, name: str) -> Device:
        """End the device's tokens, secret and codes.

        Raises
        ------
        NotAdmittedError
            If there is no such device.
        """
        with self._begin() as connection:
            connection.execute(delete(_codes).where(_codes.c.device == name))
            connection.execute(
                update(_devices)
                .where(_devices.c.name == name)
                .values(generation=_devices.c.generation + 1, secret_digest=None, revoked_at=_now_us())
            )
            return self._get(connection, name)

    def forget(self, name: str) -> bool:
        """Erase what is known of a device but its name and that it was revoked; return whether there was anything.

        The name stays, because a token for it may still be about.
        """
        with self._begin() as connection:
            connection.execute(delete(_codes).where(_codes.c.device == name))
            found = connection.execute(
                update(_devices)
                .where(_devices.c.name == name)
                .values(
                    wearer=None,
                    frame="unknown",
                    generation=_devices.c.generation + 1,
                    secret_digest=None,
                    enrolled_at=None,
                    revoked_at=_now_us(),
                )
            )
            return bool(found.rowcount)

    def devices(self) -> list[Device]:
        """Return all devices, in the order of their names."""
        with self._begin() as connection:
            return [_device(row) for row in connection.execute(select(_devices).order_by(_devices.c.name)).mappings()]

    def generations(self) -> dict[str, int]:
        """Return the generation of each device that was revoked at least once."""
        with self._begin() as connection:
            found = connection.execute(select(_devices.c.name, _devices.c.generation).where(_devices.c.generation > 0))
            return {name: generation for name, generation in found}

    def signing_key(self) -> bytes:
        """Return what tokens are signed with; made at the first call."""
        with self._begin() as connection:
            found = self._signing_key(connection)
        if found is not None:
            return found
        try:
            with self._begin() as connection:
                connection.execute(insert(_keys).values(name="tokens", key=secrets.token_bytes(32)))
        except IntegrityError:
            pass  # another gateway was quicker: its key counts
        with self._begin() as connection:
            made = self._signing_key(connection)
        assert made is not None
        return made

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except IntegrityError:
            raise
        except SQLAlchemyError as error:
            raise RegistryError(f"the registry of devices cannot be used: {error}") from error

    @staticmethod
    def _signing_key(connection: Connection) -> bytes | None:
        return cast("bytes | None", connection.execute(select(_keys.c.key).where(_keys.c.name == "tokens")).scalar())

    @staticmethod
    def _ensure(connection: Connection, name: str, wearer: str | None, frame: Frame) -> None:
        """Have the device in the table; what is said of it now counts, what is not said stays."""
        said = {} if wearer is None else {"wearer": wearer}
        if frame != "unknown":
            said["frame"] = frame
        is_there = connection.execute(select(_devices.c.name).where(_devices.c.name == name)).first() is not None
        if not is_there:
            connection.execute(insert(_devices).values(name=name, wearer=wearer, frame=frame, generation=0))
        elif said:
            connection.execute(update(_devices).where(_devices.c.name == name).values(**said))

    @staticmethod
    def _get(connection: Connection, name: str) -> Device:
        row = connection.execute(select(_devices).where(_devices.c.name == name)).mappings().first()
        if row is None:
            raise NotAdmittedError("unknown_device", f"there is no device {name}")
        return _device(row)


def _device(row: RowMapping) -> Device:
    return Device(row["name"], row["wearer"], row["frame"], row["generation"], row["enrolled_at"], row["revoked_at"])


def _open(url: str) -> Engine:
    try:
        made = make_url(url)
        if made.get_backend_name() == "sqlite" and made.database:
            Path(made.database).parent.mkdir(parents=True, exist_ok=True)
            Path(made.database).touch(mode=0o600)  # it holds what signs tokens
        engine = create_engine(made, pool_pre_ping=True)
    except (ArgumentError, ModuleNotFoundError, SQLAlchemyError, OSError) as error:
        raise RegistryError(f"the registry of devices cannot be opened: {error}") from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: object, _: object) -> None:
    # Gateways and `har devices` use the file at the same time; what was said is there after a power cut.
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _digest(secret: str) -> bytes:
    # The secrets are random and long: a slow hash would add nothing.
    return hashlib.sha256(secret.encode()).digest()


def _now_us() -> int:
    return time.time_ns() // 1000
