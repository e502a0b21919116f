"""Archives that cannot be searched are reported with a remedy."""

from pathlib import Path

import pytest

from har.recordings import RecordingError
from recording_files import find_source
from tests.recording_files.made_files import HHAR_FILE, hapt_files, hhar_lines, hhar_text, zipped

TABLE = {f"exp/{HHAR_FILE}": hhar_text(hhar_lines())}


def nested(depth: int) -> bytes:
    content = zipped(TABLE)
    for _ in range(depth - 1):
        content = zipped({"inner.zip": content})
    return content


def with_password(archive: bytes) -> bytes:
    """Mark every member as encrypted, in its header and in the directory."""
    content = bytearray(archive)
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = content.find(signature)
        while place >= 0:
            content[place + flags] |= 1
            place = content.find(signature, place + 4)
    return bytes(content)


def write(folder: Path, content: bytes) -> Path:
    path = folder / "data.zip"
    path.write_bytes(content)
    return path


def test_three_nested_archives_are_read(tmp_path: Path) -> None:
    assert sum(map(len, find_source(write(tmp_path, nested(3))).parts())) == 900


def test_deeper_archives_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"inner\.zip/inner\.zip/inner\.zip lies in 3 archives.*unpack them"):
        find_source(write(tmp_path, nested(4)))


@pytest.mark.parametrize("files", [TABLE, hapt_files()])
def test_a_member_with_a_password_is_named(tmp_path: Path, files: dict[str, str]) -> None:
    path = write(tmp_path, with_password(zipped(files)))
    with pytest.raises(RecordingError, match=r"data\.zip.*(csv|txt).* is encrypted, password required"):
        list(find_source(path).parts())


def test_an_archive_in_an_archive_with_a_password_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"data\.zip cannot be read .*inner\.zip.* is encrypted"):
        find_source(write(tmp_path, with_password(zipped({"inner.zip": b"anything"}))))
