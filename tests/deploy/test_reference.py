"""The generated pages of the documentation are current."""

import pytest

from deploy.cli import main, read_settings
from deploy.reference import all_commands, pages, settings_page


def test_the_reference_pages_are_what_the_code_says() -> None:
    for path, text in pages().items():
        assert path.read_text("utf-8") == text, f"{path.name} is out of date: run `make docs`"


@pytest.mark.parametrize(("words", "settings"), [*all_commands()])
def test_the_variable_of_each_setting_begins_with_its_command(words, settings):
    assert settings.model_config["env_prefix"] == f"HAR_{words.split()[0].upper().replace('-', '_')}_"


def test_the_documented_variable_of_an_option_with_an_alias_is_read(monkeypatch):
    monkeypatch.setenv("JSON", "true")
    assert not read_settings("evaluate", ["--data", "a"]).json_output
    monkeypatch.setenv("HAR_EVALUATE_JSON", "true")
    assert read_settings("evaluate", ["--data", "a"]).json_output
    assert "`HAR_EVALUATE_JSON`" in settings_page()


def test_the_users_shell_is_not_a_setting(monkeypatch, capsys):
    monkeypatch.setenv("SHELL", "/bin/bash")
    with pytest.raises(SystemExit):
        main(["completion"])
    assert "SHELL" in capsys.readouterr().err
