from hypothesis import given
from hypothesis import strategies as st
from kafka.net import manager


@given(st.builds(lambda: manager.random.uniform(0.8, 1.2)))
def test_random_numbers_of_kafka_do_not_disturb_hypothesis(drawn: float) -> None:
    assert 0.8 <= drawn <= 1.2
