"""The registry's database: its tables, and how it is opened."""

from pathlib import Path

from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    event,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from ingest.devices.errors import RegistryError

METADATA = MetaData()
DEVICES = Table(
    "devices",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("wearer", String(64)),
    Column("frame", String(16), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("secret_digest", LargeBinary(32)),
    Column("enrolled_at", BigInteger),
    Column("revoked_at", BigInteger),
)
CODES = Table(
    "enrolment_codes",
    METADATA,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("device", String(64), nullable=False, index=True),
    Column("expires_at", BigInteger, nullable=False),
)
KEYS = Table(
    "signing_keys",
    METADATA,
    Column("name", String(32), primary_key=True),
    Column("key", LargeBinary(32), nullable=False),
)


def open_database(url: str) -> Engine:
    """Open the registry's database; the folder and file of an SQLite database are created if they do not exist.

    Parameters
    ----------
    url : str
        A database URL of SQLAlchemy, such as ``sqlite:///devices.sqlite3``.

    Raises
    ------
    RegistryError
        If the URL is malformed, its driver is not installed, or the file cannot be created.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            Path(parsed.database).touch(mode=0o600)  # the file holds the key that signs tokens
        engine = create_engine(parsed, pool_pre_ping=True)
    except (ArgumentError, ModuleNotFoundError, SQLAlchemyError, OSError) as error:
        raise RegistryError(f"cannot open the device registry: {error}") from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: object, _: object) -> None:
    # WAL, because gateways and `har devices` use the file at the same time; FULL, so that commits survive a power cut.
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
