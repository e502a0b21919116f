"""The record of a run, and what resuming a run requires."""

import dataclasses
import warnings

import msgspec
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TensorFlow and TensorFlowOnSpark emit warnings during import
    from trainer.commands.train import run
    from trainer.commands.train_command import request_of
    from trainer.run_folder import RunFolder, lock_folder
    from trainer.runs.record import RunError, begin_record, read_record
    from trainer.settings import TrainSettings


@pytest.fixture
def request_(tmp_path):
    return request_of(TrainSettings(data=[tmp_path / "data"], output=tmp_path / "run"))


def test_a_resumed_run_keeps_its_name(tmp_path, request_):
    folder = RunFolder(tmp_path / "run")
    begun = begin_record(folder, request_, "first", resume=False)

    assert begin_record(folder, request_, None, resume=True) == begun
    assert begin_record(folder, request_, "first", resume=True) == begun
    with pytest.raises(RunError, match="is named first, not second: omit --name"):
        begin_record(folder, request_, "second", resume=True)


def test_a_run_whose_recordings_could_not_be_used_is_begun_anew(tmp_path, request_):
    folder = RunFolder(tmp_path / "run")
    begin_record(folder, msgspec.structs.replace(request_, data=("misspelt",)), None, resume=False)
    folder.logs.mkdir()

    assert begin_record(folder, request_, "mended", resume=False).request == request_
    assert read_record(folder).release == "mended"
    folder.prepared.mkdir()
    with pytest.raises(RunError, match="already contains a run: choose another --output"):
        begin_record(folder, request_, "again", resume=False)


def test_what_differs_from_the_run_that_is_resumed_is_named_alone(tmp_path, request_):
    folder = RunFolder(tmp_path / "run")
    begin_record(folder, request_, None, resume=False)
    other = msgspec.structs.replace(request_, fit=dataclasses.replace(request_.fit, epochs=3))
    with pytest.raises(RunError, match=r"cannot continue with these: fit\.epochs was 20 and is now 3$"):
        begin_record(folder, other, None, resume=True)


def test_nothing_is_written_into_a_folder_of_something_else(tmp_path, capsys):
    (tmp_path / "a.csv").write_text("t,x,y,z\n")
    assert run(TrainSettings(data=[tmp_path], output=tmp_path)) == 1
    assert capsys.readouterr().err == (
        f"har train: {tmp_path} is not empty and contains no run: choose another --output\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_a_folder_with_only_a_lock_counts_as_empty(tmp_path, request_):
    folder = RunFolder(tmp_path / "run")
    with lock_folder(folder.path):
        assert begin_record(folder, request_, "first", resume=False).release == "first"
