from har.windows import WindowSpec
from stream_processor.sessions import Position, SessionBook
from tests.batches import live_batches


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def book(clock: Clock, *, max_sessions: int = 100) -> SessionBook:
    return SessionBook(
        WindowSpec(), grace_us=2_000_000, idle_seconds=60, forget_seconds=600, max_sessions=max_sessions, clock=clock
    )


def test_a_silent_session_lets_its_events_go_and_resumes_without_a_break():
    clock, batches = Clock(), live_batches(20)
    sessions = book(clock)
    windows, finished = [], []
    for offset, batch in enumerate(batches):
        if offset == 10:
            clock.now += 59
            assert list(sessions.sweep()) == []
            clock.now += 2
            ((key, step),) = sessions.sweep()
            assert key.device == "phone-1"
            finished += step.finished
            assert sorted(position.offset for position in finished) == list(range(10))
            assert list(sessions.sweep()) == []
        step = sessions.add(batch, Position(offset, 0))
        windows += [window.start for window in step.windows]
        finished += step.finished
    uninterrupted = book(clock)
    expected = [w.start for o, b in enumerate(batches) for w in uninterrupted.add(b, Position(o, 0)).windows]
    assert windows == expected


def test_a_session_that_stays_silent_is_forgotten():
    clock = Clock()
    sessions = book(clock)
    sessions.add(live_batches(1)[0], Position(0, 0))
    clock.now = 601
    assert len(list(sessions.sweep())) == 1
    assert len(sessions) == 0


def test_a_batch_that_comes_while_a_session_is_being_forgotten_is_not_lost():
    clock, (first, second) = Clock(), live_batches(2)
    sessions = book(clock)
    sessions.add(first, Position(0, 0))
    clock.now = 601
    for _, step in sessions.sweep():
        assert [position.offset for position in step.finished] == [0]
        sessions.add(second, Position(1, 0))
    clock.now = 700
    assert [position.offset for _, step in sessions.sweep() for position in step.finished] == [1]


def test_beyond_the_limit_the_session_silent_for_longest_goes():
    clock = Clock()
    sessions = book(clock, max_sessions=2)
    for number in range(3):
        clock.now += 1
        sessions.add(live_batches(1, device=f"phone-{number}")[0], Position(number, 0))
    ((key, step),) = sessions.sweep()
    assert key.device == "phone-0"
    assert [position.offset for position in step.finished] == [0]
    assert len(sessions) == 2
