"""The options with which a person says what the columns of a file are, the same for every command that reads files."""

import codecs
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, model_validator
from pydantic_settings import SettingsConfigDict

from har.process.settings import ServiceSettings
from recording_files.column_options import ColumnOptions
from recording_files.layout import TimeUnit, Unit

#: Columns of texts by the option that names them.
_TEXTS = {"user": "user", "device": "device", "model": "model", "session": "session", "label": "gt"}


def _known_encoding(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError:
        raise ValueError(f"{name!r} is no encoding; well-known ones are utf-8, utf-16, cp1252 and latin-1") from None


class ColumnFields(BaseModel):
    """What can be stated about the columns of a file. `recording_files.stated` reads them from a text, too."""

    time: str | None = Field(None, description="column of the event times")
    time_unit: Literal["s", "ms", "us", "ns", "date", "clock"] | None = Field(
        None, description="unit of the event times; date: 2026-05-01 12:00:00.020, clock: 12:00:00.020"
    )
    x: str | None = Field(None, description="column of the x axis; name y and z, too")
    y: str | None = Field(None, description="column of the y axis")
    z: str | None = Field(None, description="column of the z axis")
    unit: Literal["m/s2", "g", "mg"] | None = Field(None, description="unit of the axes; mg is a thousandth of g")
    signs: Literal["android", "iphone"] | None = Field(
        None, description="whose signs the axes have: at rest, the axis that points up is positive on Android"
    )
    rate_hz: float | None = Field(
        None, gt=0, description="nominal sample rate, Hz; a file without times gets them from it"
    )
    label: str | None = Field(None, description="column of the activity")
    user: str | None = Field(None, description="column of the person")
    session: str | None = Field(None, description="column of the session")
    device: str | None = Field(None, description="column of the device")
    model: str | None = Field(None, description="column of the phone's model")
    encoding: Annotated[str, AfterValidator(_known_encoding)] | None = Field(
        None, description="encoding of a text file, such as utf-8 or cp1252"
    )

    @model_validator(mode="after")
    def require_all_axes(self) -> Self:
        """Raise if one or two axes are named without the others."""
        if any((self.x, self.y, self.z)) and not all((self.x, self.y, self.z)):
            raise ValueError("name all three axes with --x, --y and --z, or none")
        return self

    def columns(self) -> ColumnOptions:
        """Return what is stated."""
        texts = {column: name for field, column in _TEXTS.items() if (name := getattr(self, field))}
        return ColumnOptions(
            axes=(self.x, self.y, self.z) if self.x and self.y and self.z else None,
            time=self.time,
            time_unit=TimeUnit(self.time_unit) if self.time_unit else None,
            rate_hz=self.rate_hz,
            unit=Unit(self.unit) if self.unit else None,
            is_inverted=None if self.signs is None else self.signs == "iphone",
            texts=texts,
            encoding=self.encoding,
        )


class RecordingFileSettings(ColumnFields, ServiceSettings):
    """Settings of a command that reads recordings from files.

    A command's class derives from it. `columns()` returns what is stated about the columns, for
    `recording_files.find_source`.
    """

    model_config = SettingsConfigDict(env_prefix="HAR_RECORDING_FILES_")  # each command has its own

    force: bool = Field(False, description="go on although a finding makes the answers meaningless")
    quiet: bool = Field(False, description="do not print what was understood of the files, and no progress bar")
