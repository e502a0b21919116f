from hypothesis import given
from hypothesis import strategies as st
from kafka.net import manager


@given(st.builds(lambda: manager.random.uniform(0.8, 1.2)))
def test_what_kafka_draws_meanwhile_does_not_concern_hypothesis(drawn: float) -> None:
    assert 0.8 <= drawn <= 1.2
