"""Settings of `har release`. See `har.process.settings`."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import CliPositionalArg, CliSubCommand, SettingsConfigDict

from har.process.settings import DEFAULT_TRUSTED_ROOT, ServiceSettings
from model_store.release_folder import BASELINE


class ExportSettings(ServiceSettings):
    """`har release export DIR`: write a release in the layout of another tool."""

    model_config = SettingsConfigDict(env_prefix="HAR_RELEASE_")

    folder: CliPositionalArg[Path] = Field(description="folder to write, which must not exist")
    to: Literal["mlflow", "huggingface"] = Field(
        description="mlflow for a model that mlflow.pyfunc loads, huggingface for the files of a model repository"
    )
    release: str = Field(
        BASELINE, description="folder of a release, 'baseline' or 'baseline-open', or URL of `har store serve`"
    )
    store_token: SecretStr | None = Field(None, description="token for reading from the store, if it needs one")
    trusted_root: Path = Field(
        DEFAULT_TRUSTED_ROOT, description="file with the store's root metadata, obtained over a trusted channel"
    )


class ReleaseSettings(ServiceSettings):
    """`har release`: write a release in the layout of another tool."""

    model_config = SettingsConfigDict(env_prefix="HAR_RELEASE_")

    export: CliSubCommand[ExportSettings] = Field(description="write a release in the layout of another tool")
