from html.parser import HTMLParser

import numpy as np
import pytest

from har.decisions import Thresholds
from tests.trainer.made_outcomes import CLASSES, predicted_outcomes, simulated
from trainer.evaluation.outcomes import join_outcomes
from trainer.evaluation.report import Section, write_report
from trainer.evaluation.unknown import choose_threshold


class Page(HTMLParser):
    """The content of a page: its text, its images with their alternative texts, and all URLs."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.pictures: list[dict[str, str | None]] = []
        self.addresses: list[str] = []
        self.feed(html)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def handle_data(self, data):
        self.texts.append(data)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag == "img":
            self.pictures.append(found)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "srcset") and value]


@pytest.fixture
def outcomes():
    known = simulated(np.full((6, len(CLASSES)), 0.9), np.random.default_rng(0), windows=20)
    return join_outcomes([known, predicted_outcomes(["jump"] * 30, ["walk"] * 30, 0.6, people="p/u00")])


def test_a_report_is_one_file_with_all_protocols_side_by_side(tmp_path, outcomes):
    choice = choose_threshold(outcomes)
    sections = [
        Section("6 folds by user", outcomes, choice=choice),
        Section("random windows", outcomes, warning="These people were trained on."),
    ]
    write_report(tmp_path / "report.html", "A & B <evaluated>", sections, {"data": "made <up>"})
    page = Page((tmp_path / "report.html").read_text("utf-8"))
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert all(address.startswith("data:image/svg+xml") for address in page.addresses)
    assert len(page.pictures) == 8
    assert all(picture["alt"] for picture in page.pictures)
    assert "A & B <evaluated>" in page.text
    assert "made <up>" in page.text
    assert "Side by side" in page.text
    assert "Not a figure for unseen people. These people were trained on." in page.text
    assert page.text.count("Not a figure for unseen people") == 1
    assert "windows of none of the classes that are called an activity 100.0% 0.0%" in page.text
    assert "worst user, p/u0" in page.text
    assert "sit: " in (page.pictures[0]["alt"] or "")


def test_the_same_evaluation_gives_the_same_file(tmp_path, outcomes):
    files = [tmp_path / name for name in ("one.html", "two.html")]
    for file in files:
        write_report(file, "t", [Section("s", outcomes, Thresholds(0.5))])
    assert files[0].read_bytes() == files[1].read_bytes()
    assert "An activity needs a probability of 0.5; other predictions are unknown" in files[0].read_text("utf-8")


def test_a_failed_report_leaves_the_existing_one(tmp_path, outcomes):
    (tmp_path / "report.html").write_text("old")
    with pytest.raises(ValueError, match="no window is labelled"):
        write_report(tmp_path / "report.html", "t", [Section("s", outcomes.take(~outcomes.known))])
    assert (tmp_path / "report.html").read_text() == "old"
