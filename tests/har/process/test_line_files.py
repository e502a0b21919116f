from hypothesis import given
from hypothesis import strategies as st

from har.process.line_files import append_line, whole_lines

LINES = st.lists(st.binary(max_size=6000).map(lambda line: line.replace(b"\n", b"")), max_size=4)


def test_a_missing_file_has_no_lines(tmp_path):
    assert whole_lines(tmp_path / "none") == []


@given(lines=LINES, half=st.binary(max_size=9000).map(lambda line: line.replace(b"\n", b"")), last=st.just(b"last"))
def test_an_incomplete_line_is_never_read_and_is_replaced(tmp_path_factory, lines, half, last):
    path = tmp_path_factory.mktemp("lines") / "file"
    for line in lines:
        append_line(path, line)
    with path.open("ab") as file:
        file.write(half)

    assert whole_lines(path) == lines
    append_line(path, last)
    assert whole_lines(path) == [*lines, last]
