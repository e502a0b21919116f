"""Plots of answers: a page without any other file, and a picture."""

from pathlib import Path

import numpy as np
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from classify.answers import Answer
from classify.plots.collecting import MOST_SESSIONS, DrawnSessions
from classify.plots.envelope import Envelope
from classify.windows import Session
from har.predictions import Prediction
from tests.classify.recorded_files import NOON_S, write_walk
from tests.command_line import CommandLine

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def har(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(monkeypatch, capsys)


def test_an_envelope_of_any_length_has_few_buckets_and_no_value_is_lost() -> None:
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.integers(5_000, 40_000, 20_000))
    values = rng.normal(0, 3, (len(times), 3))
    envelope = Envelope(3, 1_000)
    for piece in np.array_split(np.arange(len(times)), 37):
        envelope.add(times[piece], values[piece])
    found = envelope.buckets()
    assert 400 < len(found.times) <= 1_000
    assert found.least.min(0) == pytest.approx(values.min(0), rel=1e-6)
    assert found.most.max(0) == pytest.approx(values.max(0), rel=1e-6)
    first = (times - times[0]) < envelope.width_us
    assert found.mean[0] == pytest.approx(values[first].mean(0), rel=1e-5)
    assert (np.diff(found.times) >= envelope.width_us).all()


def test_many_sessions_share_the_memory() -> None:
    drawn = DrawnSessions()
    times = np.arange(30_000) * 20_000
    for number in range(MOST_SESSIONS + 5):
        drawn.add_readings(Session("p", "m", "u", str(number)), times, np.ones((len(times), 3), np.float32))
    assert len(drawn.sessions) == MOST_SESSIONS
    assert sum(len(each.readings.buckets().times) for each in drawn.sessions.values()) <= 1 << 18


def test_a_window_that_could_not_be_classified_shows_no_confidence() -> None:
    drawn, session = DrawnSessions(), Session("p", "m", "u", "s")
    drawn.add_readings(session, np.arange(500) * 20_000, np.ones((500, 3), np.float32))
    for start, reason in ((0, None), (1_000_000, "sparse")):
        made = Prediction("p", "s", start, start + 4_000_000, "unknown", 0.8, {"sit": 0.2}, "r", 0, reason=reason)
        drawn.add(Answer(session, made))
    drawn.sessions[session].flush()
    assert len(drawn.sessions[session].confidence.buckets().times) == 1


@pytest.mark.browser
def test_a_page_draws_every_session_and_can_be_zoomed_into(
    har: CommandLine, tmp_path: Path, browser: webdriver.Chrome
) -> None:
    write_walk(tmp_path / "anna.csv", 60, begin_s=NOON_S, rest_s=20)
    write_walk(tmp_path / "<script>alert(1)<!--.csv", 30)
    files = [str(path) for path in sorted(tmp_path.iterdir())]
    page = tmp_path / "answers.html"
    assert har.call("classify", *files, "--plot", str(page), "--quiet").status == 0
    assert "http" not in page.read_text("utf-8").lower().replace("http-equiv", "")
    browser.get(page.as_uri())
    titles = [title.text for title in browser.find_elements(By.TAG_NAME, "h2")]
    assert sorted(titles) == ["<script>alert(1)<!--.csv", "anna.csv"]
    assert "Walking" in browser.find_element(By.ID, "legend").text
    card = browser.find_elements(By.CLASS_NAME, "card")[1 + titles.index("anna.csv")]
    readout = card.find_element(By.CLASS_NAME, "readout")
    assert readout.text == "2026-05-01 12:00:00 to 2026-05-01 12:01:00 UTC"
    drawn = browser.execute_script(
        "const c = arguments[0].querySelector('canvas');"
        "const { data } = c.getContext('2d').getImageData(0, 0, c.width, c.height);"
        "return new Set(new Uint32Array(data.buffer)).size",
        card,
    )
    assert drawn > 50
    card.find_elements(By.TAG_NAME, "button")[2].click()
    assert readout.text == "2026-05-01 12:00:15 to 2026-05-01 12:00:45 UTC"
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("begin_s", [0, NOON_S])
def test_a_picture_is_written_whole(har: CommandLine, tmp_path: Path, begin_s: int) -> None:
    walk = write_walk(tmp_path / "散步.csv", 30, begin_s=begin_s)
    done = har.call("classify", str(walk), "--plot", str(tmp_path / "answers.png"), "--quiet")
    assert done.status == 0, done.err
    assert (tmp_path / "answers.png").read_bytes().startswith(PNG)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answers.png", "散步.csv"]


def test_a_picture_needs_matplotlib(har: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("classify.command.find_spec", lambda _: None)
    done = har.call("classify", str(write_walk(tmp_path / "a.csv", 20)), "--plot", str(tmp_path / "a.png"))
    assert (done.status, "har-stream[plot]" in done.err) == (2, True)
