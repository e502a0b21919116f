"""The settings of the offline commands: data sets, training, evaluation. See `har.settings`."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from har.settings import ServiceSettings


class EvaluateSettings(ServiceSettings):
    """`har evaluate`: how right a release is on a recording."""

    model_config = SettingsConfigDict(env_prefix="HAR_EVALUATE_")

    data: Path = Field(description="Parquet with the columns user,device,model,session,t,x,y,z,gt")
    release: str = Field("baseline", description="folder of the release, or 'baseline'")
    user: str | None = Field(None, description="only these users, comma-separated")
    json_output: bool = Field(False, alias="json", description="print JSON only")


class TrainSettings(ServiceSettings):
    """`har train`: train a network on recordings and freeze it as a release."""

    model_config = SettingsConfigDict(env_prefix="HAR_TRAIN_")

    data: list[Path] = Field(description="Parquet files; give the option once a file")
    output: Path = Field(description="folder of the release that is written")
    network: str = Field("conv_lstm", description="conv_lstm or origin")
    epochs: int = Field(16, ge=1)
    seed: int = Field(0, ge=0)
