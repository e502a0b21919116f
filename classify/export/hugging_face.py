"""A release as the files of a model repository of Hugging Face."""

import json
import re
from pathlib import Path
from string import Template

import msgspec
from huggingface_hub import EvalResult, ModelCardData

from classify.export.files import card_of, copy_files
from har.releases import ReleaseManifest
from har.time_units import MICROSECONDS
from model_store.release_folder import ReleaseFolder

#: The task that results are listed under.
TASK = "time-series-classification"
_TAGS = ["human-activity-recognition", "accelerometer", "time-series"]

_USE = Template("""
## Use

```python
import har  # pip install 'har-stream[classify]'
from huggingface_hub import snapshot_download

model = har.load(snapshot_download("OWNER/NAME"))
print(model.predict("walk.csv"))
```

Without har-stream: cut windows of $steps values at $rate_hz Hz, m/s² with gravity and Android's signs. Compute
`(window - mean) / scale` with the `normalisation` of `config.json`. Run a form of the network ($files) on float32 of
shape `(windows, $steps, 3)`. The outputs are probabilities in the order of `id2label`. If no class reaches
$threshold$background, the activity is unknown. `golden.json` has a window and its probabilities to
check a consumer with.
""")


def write_repository(release: ReleaseFolder, folder: Path) -> None:
    """Write a release as a folder that `hf upload` publishes and `har.load` opens.

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
    formats = copy_files(release, folder)
    files = {form: manifest.artifact(form).name for form in formats}
    (folder / "config.json").write_text(json.dumps(_config(manifest, files), indent=2) + "\n", "utf-8")
    (folder / "LICENSE").write_text(manifest.weights_licence + "\n", "utf-8")
    used = _USE.substitute(
        steps=manifest.steps,
        rate_hz=manifest.rate_hz,
        files=", ".join(f"`{name}`" for name in files.values()),
        threshold=f"{manifest.decision_threshold:g}",
        background=_background_rule(manifest),
    )
    text = f"---\n{_card_data(manifest, formats).to_yaml()}\n---\n\n{card_of(release)}{used}"
    (folder / "README.md").write_text(text, "utf-8")


def _card_data(manifest: ReleaseManifest, formats: list[str]) -> ModelCardData:
    results = [
        EvalResult(
            task_type=TASK,
            dataset_type=re.sub(r"\W+", "-", protocol),  # results with the same type would be joined
            dataset_name=protocol,
            metric_type=kind,
            metric_value=value,
        )
        for protocol, scores in manifest.metrics.items()
        for kind, value in (("accuracy", scores.accuracy), ("f1", scores.macro_f1))
    ]
    return ModelCardData(
        model_name=manifest.release,
        library_name="har-stream",
        license="other",
        license_name="weights-licence",
        license_link="LICENSE",
        tags=[*_TAGS, *sorted({form.partition("-")[0] for form in formats})],
        metrics=["accuracy", "f1"],
        eval_results=results or None,
    )


def _background_rule(manifest: ReleaseManifest) -> str:
    if manifest.background is None:
        return ""
    kinds = ", ".join(f"`{name}`" for name in manifest.kinds)
    return f", or the kinds of background ({kinds}) sum to more than {manifest.background.largest_share:g}"


def _config(manifest: ReleaseManifest, files: dict[str, str]) -> dict[str, object]:
    return {
        "model_type": "har-stream",
        "architecture": manifest.network,
        "release": manifest.release,
        "id2label": dict(enumerate(manifest.outputs)),
        "label2id": {name: number for number, name in enumerate(manifest.outputs)},
        "steps": manifest.steps,
        "rate_hz": manifest.rate_hz,
        "hop_seconds": manifest.hop_us / MICROSECONDS,
        "gap_seconds": manifest.gap_us / MICROSECONDS,
        "normalisation": {"mean": manifest.normalisation.mean, "scale": manifest.normalisation.scale},
        "decision_threshold": manifest.decision_threshold,
        "background": None if manifest.background is None else msgspec.to_builtins(manifest.background),
        "files": files,
    }
