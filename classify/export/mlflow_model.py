"""A release as a model of MLflow: ``mlflow.pyfunc.load_model(folder).predict(frame)``.

Models that were written name this module, and MLflow imports it to load them: it keeps its name.
"""

import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow.pyfunc
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec

from classify.classifier import Classifier
from classify.door import load
from classify.export.files import CARD, card_of, copy_files
from classify.output import columns
from har.releases import ReleaseManifest
from model_store.release_folder import ReleaseFolder

#: What can be stated about the columns of the input, as parameters of MLflow. Nothing is stated by default.
_TEXTS = ("time", "time_unit", "x", "y", "z", "unit", "signs", "user", "session", "device")
_STATED = [*(ParamSpec(name, DataType.string, "") for name in _TEXTS), ParamSpec("rate_hz", DataType.double, 0.0)]
_FORCE = ParamSpec("force", DataType.boolean, False)


def write_model(release: ReleaseFolder, folder: Path) -> None:
    """Write a release as a model of MLflow.

    Parameters
    ----------
    release : ReleaseFolder
        The release.
    folder : Path
        A new folder.

    Raises
    ------
    ReleaseError
        If a file of the release differs from its manifest.
    OSError
        If a file cannot be written.
    """
    manifest = release.manifest
    with tempfile.TemporaryDirectory() as made, warnings.catch_warnings():
        # An example would make its columns the only ones that MLflow lets through.
        warnings.filterwarnings("ignore", "(?s).*An input example was not provided")
        copied = Path(made) / "release"
        copy_files(release, copied)
        mlflow.pyfunc.save_model(
            str(folder),
            loader_module=__name__,
            data_path=str(copied),
            signature=_signature(manifest),
            pip_requirements=[f"har-stream[classify]=={version('har-stream')}"],
            metadata={"release": manifest.release, "weights_licence": manifest.weights_licence},
        )
    (folder / CARD).write_text(card_of(release), "utf-8")


class PyfuncModel:
    """What MLflow calls.

    Parameters
    ----------
    classifier : Classifier
        The opened release.
    """

    def __init__(self, classifier: Classifier) -> None:
        self.classifier = classifier

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 - MLflow's types
        """Classify a data frame with a row for each reading, or an array of windows.

        Parameters
        ----------
        model_input : DataFrame, or ndarray of shape (n, steps, 3)
            What `Classifier.predict` takes.
        params : dict, optional
            What the columns do not tell, such as ``{"unit": "g"}``; see `classify.data.ColumnStatements`. With `force`,
            it answers even if a finding makes answers meaningless.

        Returns
        -------
        DataFrame
            A row for each window; see `Classifier.predict`.
        """
        return self.classifier.predict(model_input, **{name: value for name, value in (params or {}).items() if value})


def _load_pyfunc(data_path: str) -> PyfuncModel:
    """Open the release of a saved model; MLflow calls it by this name."""
    return PyfuncModel(load(data_path))


def _signature(manifest: ReleaseManifest) -> ModelSignature:
    """Return what the model gives and which parameters it takes. Its input may have any columns."""
    numbers = {"start_us": DataType.long, "confidence": DataType.double}
    outputs: list[ColSpec | TensorSpec] = [
        ColSpec(DataType.double if name.startswith("p_") else numbers.get(name, DataType.string), name)
        for name in columns(manifest.classes)
    ]
    return ModelSignature(outputs=Schema(outputs), params=ParamSchema([*_STATED, _FORCE]))
