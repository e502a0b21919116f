"""A codec that cannot be loaded ends the start-up of what reads Kafka."""

import cramjam
import pytest

from har.process.record_codecs import CODECS, MissingCodecError, require_codecs
from tests.command_line import CommandLine


@pytest.mark.parametrize("name", CODECS.values())
def test_a_codec_that_cannot_be_loaded_is_named(name, monkeypatch):
    monkeypatch.delattr(cramjam, name)
    with pytest.raises(MissingCodecError, match=f"codec {name} cannot be loaded"):
        require_codecs()


@pytest.mark.parametrize("words", ["processor", "archive run", "archive verify", "audit", "store serve"])
def test_a_command_that_reads_kafka_ends_at_its_start_without_a_codec(words, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delattr(cramjam, "lz4")
    ran = CommandLine(monkeypatch, capsys).call(*words.split(), "--bootstrap", "127.0.0.1:1")
    assert ran.status != 0
    assert "codec lz4 cannot be loaded" in ran.err
