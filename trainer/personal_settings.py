"""Settings of `har personalise`. See `har.process.settings`."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import CliPositionalArg, SettingsConfigDict

from har.process.settings import ServiceSettings
from har.rejections import RejectedMessage
from har.samples import check_identifier
from model_store.settings import DEFAULT_KEYS, DEFAULT_STORE
from recording_files.urls import DataSetPath


def _device_name(name: str) -> str:
    try:
        check_identifier("device", name)
    except RejectedMessage as rejected:
        raise ValueError(rejected.detail) from rejected
    return name


class PersonaliseSettings(ServiceSettings):
    """`har personalise DEVICE`: make a personal head from a wearer's labels, and publish it for this device.

    See docs/personalisation.md.
    """

    model_config = SettingsConfigDict(env_prefix="HAR_PERSONALISE_")

    device: CliPositionalArg[Annotated[str, AfterValidator(_device_name)]] = Field(description="name of the device")
    archive: DataSetPath = Field(Path(".har/archive"), description="folder of the archive with its labelled readings")
    store: str = Field(DEFAULT_STORE, description="folder or fsspec URL of the store, such as s3://bucket/models")
    online_keys: Path = Field(DEFAULT_KEYS / "online", description="folder of the online keys that sign for the store")
    dry_run: bool = Field(False, description="make the head and print how well it does, but publish nothing")
    json_output: bool = Field(False, alias="json", description="print JSON only")
