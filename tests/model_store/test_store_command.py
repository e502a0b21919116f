"""`har store` on the command line."""

import json
from pathlib import Path

import pytest

from deploy.cli import main
from model_store.release_folder import open_release
from model_store.repository.personal_heads import publish_head
from model_store.repository.signed_state import Signing
from model_store.repository.signing_keys import Keyring
from model_store.repository.storage import Storage
from tests.model_store.made_store import background_release, copied_release
from tests.model_store.personal_store import head_of


@pytest.fixture
def har(tmp_path, monkeypatch, capsys):
    """Runs `har store WORDS` in an empty folder; returns its exit status and output."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str]:
        status = main(["store", *words])
        captured = capsys.readouterr()
        return status, captured.out + captured.err

    return run


def test_from_an_empty_folder_to_a_release_and_back(har, tmp_path):
    status, output = har("init")
    assert status == 0
    assert "trusted_root.json: copy it to every client" in output
    assert "not encrypted" in output
    assert (
        Path(".har/store-keys/trusted_root.json").read_bytes() == Path(".har/store/metadata/1.root.json").read_bytes()
    )
    for name in ("one", "two"):
        assert har("publish", str(copied_release(tmp_path / "made", name)), "--reason", "better")[0] == 0
    assert har("publish", str(tmp_path / "made" / "one"), "--channel", "canary", "--share", "0.25")[0] == 0
    status, output = har("list")
    assert "two" in output and "canary 1: one for 25% of the devices (publish, was None)" in output
    assert har("promote", "--reason", "it did well") == (0, "stable 3: one (promote, was two): it did well\n")
    assert har("rollback") == (0, "stable 4: two (rollback, was one)\n")
    listed = json.loads(har("list", "--json")[1])
    assert [each["release"] for each in listed["releases"]] == ["one", "two"]
    assert listed["channels"]["stable"]["release"] == "two"
    assert len(listed["history"]) == 6
    status, output = har("verify")
    assert status == 0
    assert "2 release(s), all as signed" in output


def test_show_prints_manifest_and_files(har):
    har("init")
    har("publish", "baseline")
    name = json.loads(har("list", "--json")[1])["releases"][0]["release"]
    status, output = har("show", name)
    assert status == 0
    assert "network.onnx" in output and "macro-F1" in output
    assert json.loads(har("show", name, "--json")[1])["manifest"]["release"] == name
    assert har("show", "other") == (1, f"har store: the store has no release other; it has: {name}\n")


def test_rotated_offline_keys_stay_encrypted(har, monkeypatch):
    monkeypatch.setenv("HAR_STORE_PASSPHRASE", "secret")
    assert "not encrypted" not in har("init")[1]
    har("publish", "baseline")
    assert "replaced the key of root by" in har("rotate-key", "root")[1]
    assert har("renew") == (0, "renewed the signatures of root and targets\n")
    assert har("verify")[0] == 0
    monkeypatch.setenv("HAR_STORE_PASSPHRASE", "wrong")
    status, output = har("renew")
    assert status == 1
    assert "cannot read the key" in output


def test_verify_reports_a_changed_file(har):
    har("init")
    har("publish", "baseline")
    (network,) = Path(".har/store/targets").rglob("*.network.onnx")
    network.write_bytes(b"other")
    status, output = har("verify")
    assert status == 1
    assert "fault  " in output and "network.onnx" in output
    assert json.loads(har("verify", "--json")[1])["faults"]


def test_verify_checks_personal_heads(har, tmp_path):
    har("init")
    har("publish", str(copied_release(tmp_path / "made", "one")))
    publish_head(Storage(".har/store"), Signing(Keyring(Path(".har/store-keys/online"))), head_of("phone-1"))
    assert "1 personal head(s), all as signed" in har("verify")[1]
    (head,) = Path(".har/store/targets/channels").glob("*.personal-*")
    head.write_bytes(b"other")
    status, output = har("verify")
    assert status == 1
    assert "fault  channels/personal-" in output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "a subcommand is missing"),
        (("list",), "is not a store: run har store init first"),
        (("publish", "nowhere"), "no release at nowhere"),
        (("rollback",), "is not a store"),
        (("publish", "baseline", "--share", "2"), "har store: --share: "),
        (("rotate-key", "nobody"), "ROLE"),
        (("init", "--root-keys-needed", "2"), "2 of 1 root keys"),
        (("init", "--store", "gopher://x/y"), "cannot be a store"),
    ],
)
def test_invalid_call_is_reported(har, words, message):
    status, output = har(*words)
    assert status in (1, 2)
    assert message in output


def test_unwritable_folder_is_reported(har):
    Path(".har").write_text("in the way")
    status, output = har("init")
    assert status == 1
    assert output.startswith("har store: ")


def test_show_names_the_kinds_of_background_and_their_thresholds(har, tmp_path):
    assert har("init")[0] == 0
    assert har("publish", str(background_release(tmp_path, "known")))[0] == 0
    status, output = har("show", "known")
    assert status == 0
    known = open_release("baseline").manifest.background
    named = ", ".join(f"{kind.name} ({kind.title})" for kind in known.kinds)
    assert f"background: {named}; unknown above 0.375 in sum, a kind named from {known.kind_threshold:g}\n" in output
