"""The generated pages of the documentation are current."""

from deploy.reference import pages


def test_the_reference_pages_are_what_the_code_says() -> None:
    for path, text in pages().items():
        assert path.read_text("utf-8") == text, f"{path.name} is out of date: run `make docs`"
