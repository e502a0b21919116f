"""What a run was asked for, and what may be asked when it goes on."""

import warnings

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TensorFlow and TensorFlowOnSpark warn of their own insides while imported
    from trainer.commands.train_command import request_of
    from trainer.runs.folder import RunFolder, held
    from trainer.runs.record import RunError, begin_record
    from trainer.settings import TrainSettings


@pytest.fixture
def request_(tmp_path):
    return request_of(TrainSettings(data=[tmp_path / "data"], output=tmp_path / "run"))


def test_a_run_that_goes_on_keeps_its_name(tmp_path, request_):
    folder = RunFolder(tmp_path / "run")
    begun = begin_record(folder, request_, "first", resume=False)

    assert begin_record(folder, request_, None, resume=True) == begun
    assert begin_record(folder, request_, "first", resume=True) == begun
    with pytest.raises(RunError, match="is called first and cannot become second: leave --name out"):
        begin_record(folder, request_, "second", resume=True)


def test_a_folder_that_was_only_held_is_as_good_as_empty(tmp_path, request_):
    folder = RunFolder(tmp_path / "run")
    with held(folder.path):
        assert begin_record(folder, request_, "first", resume=False).release == "first"
