"""Exported releases are loaded with the tools that they are for, and answer like the release."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from huggingface_hub import ModelCard

import har
from classify.export.command import write_whole_folder
from classify.export.hugging_face import write_repository
from har.recordings import RecordingError
from model_store.onnx_network import OnnxNetwork
from model_store.release_folder import open_release
from model_store.repository.publishing import publish
from tests.command_line import CommandLine
from tests.documents import code_blocks
from tests.model_store.made_store import MadeStore, background_release, copied_release
from tests.model_store.served_store import served


@pytest.fixture
def readings() -> pd.DataFrame:
    axes = np.random.default_rng(2).normal([0, 9.8, 0], 2, (600, 3))
    return pd.DataFrame({"t": np.arange(600) / 50, **dict(zip("xyz", axes.T, strict=True))})


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    return CommandLine(monkeypatch, capsys)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning:mlflow", "ignore:.*:DeprecationWarning:mlflow")
def test_mlflow_loads_and_runs_the_model(
    tmp_path: Path, command: CommandLine, readings: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = command.call("release", "export", "model", "--to", "mlflow")
    assert (done.status, done.err) == (0, "")
    from mlflow.pyfunc import load_model  # after the telemetry is off

    readings.to_csv("walk.csv", index=False)
    block, found = code_blocks("docs/api.md", "python")[4], {}
    assert "runs/for-mlflow" in block
    exec(block.replace("runs/for-mlflow", "model"), found)
    model, expected = load_model("model"), har.load().predict(readings)
    assert found["answers"].equals(expected)
    assert len(expected) > 5
    assert model.predict(readings).equals(expected)
    in_g = readings.assign(**{name: readings[name] / 9.80665 for name in "xyz"}).rename(columns={"t": "when"})
    stated = {"unit": "g", "time": "when", "time_unit": "s"}
    assert model.predict(in_g, params=stated)["activity"].equals(expected["activity"])
    assert model.metadata.signature.outputs.input_names() == list(expected.columns)
    assert model.metadata.metadata["release"] == har.load().manifest.release
    with pytest.raises(RecordingError, match="its columns do not tell the axes"):
        model.predict(pd.DataFrame({"a": [1.0], "b": [2.0]}))
    assert har.load(tmp_path / "model" / "data" / "release").manifest == har.load().manifest


def test_a_hugging_face_repository_is_a_release_with_a_card(
    tmp_path: Path, command: CommandLine, readings: pd.DataFrame
) -> None:
    done = command.call("release", "export", str(tmp_path / "repository"), "--to", "huggingface")
    assert (done.status, done.err) == (0, "")
    assert f"{len(har.load().manifest.training_users)} users" in done.out
    folder, model = tmp_path / "repository", har.load()
    assert har.load(folder).predict(readings).equals(model.predict(readings))

    card = ModelCard.load(folder / "README.md")
    assert (card.data.library_name, card.data.license, card.data.license_link) == ("har-stream", "other", "LICENSE")
    assert (folder / "LICENSE").read_text("utf-8").strip() == model.manifest.weights_licence
    results = {(result.dataset_name, result.metric_type): result.metric_value for result in card.data.eval_results}
    assert results == {
        (protocol, kind): value
        for protocol, scores in model.manifest.metrics.items()
        for kind, value in (("accuracy", scores.accuracy), ("f1", scores.macro_f1))
    }
    assert len(results) == 2 * len(model.manifest.metrics) >= 4
    assert open_release("baseline").folder.joinpath("MODEL_CARD.md").read_text("utf-8") in card.text


def test_the_files_of_a_repository_suffice_without_this_project(
    tmp_path: Path, command: CommandLine, readings: pd.DataFrame
) -> None:
    command.call("release", "export", str(tmp_path / "repository"), "--to", "huggingface")
    config = json.loads((tmp_path / "repository" / "config.json").read_text("utf-8"))
    windows = har.windows(readings).values
    mean, scale = (np.array(config["normalisation"][name], np.float32) for name in ("mean", "scale"))
    network = OnnxNetwork((tmp_path / "repository" / config["files"]["onnx"]).read_bytes())
    outputs = network.probabilities((windows - mean) / scale)
    assert np.allclose(outputs, har.load().output_probabilities(windows))
    assert [config["id2label"][str(number)] for number in range(outputs.shape[1])] == har.load().manifest.outputs


def test_a_release_of_a_store_is_exported_with_the_form_that_was_fetched(
    tmp_path: Path, command: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MadeStore.make(tmp_path / "made")
    publish(store.storage, store.signing, store.release("mine", personal=True))
    monkeypatch.chdir(tmp_path)
    Path("root.json").write_bytes(store.root)
    with served(Path(store.storage.url)) as server:
        words = ("--to", "huggingface", "--release", server.url, "--trusted-root", "root.json")
        assert command.call("release", "export", "copy", *words).status == 0
    assert har.load("copy").manifest.release == "mine"
    assert json.loads(Path("copy/config.json").read_text("utf-8"))["files"] == {"onnx": "network.onnx"}
    card = Path("copy/README.md").read_text("utf-8")
    assert "Licence: " in card
    assert "**This is a personal release**" in card


def test_a_damaged_release_is_not_exported(tmp_path: Path, command: CommandLine) -> None:
    release = copied_release(tmp_path, "mine")
    (release / "network.tflite").write_bytes(b"something else")
    done = command.call("release", "export", str(tmp_path / "to"), "--to", "huggingface", "--release", str(release))
    assert done.status == 1
    assert "har release: network.tflite of mine differs from its manifest" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_an_existing_folder_is_left_alone(tmp_path: Path, command: CommandLine) -> None:
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "mine.txt").write_text("mine")
    done = command.call("release", "export", str(tmp_path / "to"), "--to", "huggingface")
    assert done.status == 1
    assert done.err == f"har release: {tmp_path / 'to'} exists: name a new folder, or delete it\n"
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["mine.txt"]


def test_a_folder_that_cannot_be_is_named(tmp_path: Path, command: CommandLine) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to("nowhere")
    for name, why in (("file/new", "cannot be written: "), ("link", "exists: name a new folder")):
        done = command.call("release", "export", str(tmp_path / name), "--to", "huggingface")
        assert done.status == 1
        assert done.err.startswith(f"har release: {tmp_path / name} {why}")


def test_a_tool_that_is_not_installed_is_named(
    tmp_path: Path, command: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.delitem(sys.modules, "classify.export.hugging_face", raising=False)
    done = command.call("release", "export", str(tmp_path / "to"), "--to", "huggingface")
    assert done.status == 2
    assert "huggingface_hub is not installed: pip install 'har-stream[huggingface]'" in done.err


def test_nothing_is_left_of_a_folder_that_could_not_be_written(tmp_path: Path) -> None:
    def write(folder: Path) -> None:
        shutil.copytree(open_release("baseline").folder, folder)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole_folder(tmp_path / "deep" / "to", write)
    assert list((tmp_path / "deep").iterdir()) == []


def test_a_repository_of_hugging_face_names_all_outputs(tmp_path: Path) -> None:
    release = open_release(background_release(tmp_path, "known"))
    write_repository(release, tmp_path / "repository")
    config = json.loads((tmp_path / "repository" / "config.json").read_text())
    assert list(config["id2label"].values()) == release.manifest.outputs
    assert config["label2id"]["jump"] == release.manifest.outputs.index("jump")
    assert config["background"]["largest_share"] == 0.375
    card = (tmp_path / "repository" / "README.md").read_text("utf-8")
    kinds = ", ".join(f"`{kind}`" for kind in release.manifest.kinds)
    assert f"or the kinds of background ({kinds}) sum to more than 0.375" in card
