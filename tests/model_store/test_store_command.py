"""`har store` as a person calls it."""

import json
from pathlib import Path

import pytest

from deploy.cli import main
from tests.model_store.made_store import copied_release


@pytest.fixture
def har(tmp_path, monkeypatch, capsys):
    """Runs `har store WORDS` in an empty folder; returns its exit status and what it printed."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str]:
        status = main(["store", *words])
        captured = capsys.readouterr()
        return status, captured.out + captured.err

    return run


def test_from_an_empty_folder_to_a_release_and_back(har, tmp_path):
    status, said = har("init")
    assert status == 0
    assert "trusted_root.json: give it to every client" in said
    assert "not encrypted" in said
    assert (
        Path(".har/store-keys/trusted_root.json").read_bytes() == Path(".har/store/metadata/1.root.json").read_bytes()
    )
    for name in ("one", "two"):
        assert har("publish", str(copied_release(tmp_path / "made", name)), "--reason", "better")[0] == 0
    assert har("publish", str(tmp_path / "made" / "one"), "--channel", "canary", "--share", "0.25")[0] == 0
    status, said = har("list")
    assert "two" in said and "canary 1: one for 25% of the devices (publish, was None)" in said
    assert har("promote", "--reason", "it did well") == (0, "stable 3: one (promote, was two): it did well\n")
    assert har("rollback") == (0, "stable 4: two (rollback, was one)\n")
    listed = json.loads(har("list", "--json")[1])
    assert [each["release"] for each in listed["releases"]] == ["one", "two"]
    assert listed["channels"]["stable"]["release"] == "two"
    assert len(listed["history"]) == 6
    status, said = har("verify")
    assert status == 0
    assert "2 release(s), all as signed" in said


def test_what_a_release_says_of_itself_is_shown(har):
    har("init")
    har("publish", "baseline")
    name = json.loads(har("list", "--json")[1])["releases"][0]["release"]
    status, said = har("show", name)
    assert status == 0
    assert "network.onnx" in said and "macro-F1" in said
    assert json.loads(har("show", name, "--json")[1])["manifest"]["release"] == name
    assert har("show", "other") == (1, f"har store: the store has no release other; it has: {name}\n")


def test_keys_are_replaced_and_offline_ones_stay_encrypted(har, monkeypatch):
    monkeypatch.setenv("HAR_STORE_PASSPHRASE", "secret")
    assert "not encrypted" not in har("init")[1]
    har("publish", "baseline")
    assert "root signs with the key" in har("rotate-key", "root")[1]
    assert har("renew") == (0, "root and targets are signed afresh\n")
    assert har("verify")[0] == 0
    monkeypatch.setenv("HAR_STORE_PASSPHRASE", "wrong")
    status, said = har("renew")
    assert status == 1
    assert "cannot be read" in said


def test_a_store_that_was_tampered_with_is_told(har):
    har("init")
    har("publish", "baseline")
    (network,) = Path(".har/store/targets").rglob("*.network.onnx")
    network.write_bytes(b"other")
    status, said = har("verify")
    assert status == 1
    assert "WRONG" in said and "network.onnx" in said
    assert json.loads(har("verify", "--json")[1])["faults"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "say what"),
        (("list",), "is no store yet: run har store init"),
        (("publish", "nowhere"), "no release at nowhere"),
        (("rollback",), "is no store yet"),
        (("publish", "baseline", "--share", "2"), "har store: --share: "),
        (("rotate-key", "nobody"), "role"),
        (("init", "--root-keys-needed", "2"), "2 of 1 root keys"),
        (("init", "--store", "gopher://x/y"), "cannot be a store"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(har, words, says):
    status, said = har(*words)
    assert status in (1, 2)
    assert says in said


def test_a_folder_that_cannot_be_written_is_told(har):
    Path(".har").write_text("in the way")
    status, said = har("init")
    assert status == 1
    assert said.startswith("har store: ")
