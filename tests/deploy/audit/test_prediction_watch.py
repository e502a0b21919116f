from contextlib import closing

import pytest
from kafka.errors import KafkaError

from deploy.audit.prediction_watch import PredictionWatch
from deploy.audit.topic_reader import TopicReader
from tests import brokers


@pytest.mark.parametrize("broker", [brokers.EMBEDDED], indirect=True)
@pytest.mark.parametrize(
    "wait",
    [
        pytest.param(lambda watch: watch.wait_for([("a", "s", 0)], 30), id="for windows"),
        pytest.param(lambda watch: watch.wait_for_count(1, 30), id="for a number"),
        pytest.param(lambda watch: watch.wait_for_end(30), id="for the end"),
    ],
)
def test_predictions_that_cannot_be_read_any_more_are_not_taken_for_all_that_there_are(broker, monkeypatch, wait):
    def fail(_: TopicReader) -> None:
        raise KafkaError("the user was removed")

    monkeypatch.setattr(TopicReader, "poll", fail)
    with closing(PredictionWatch(broker.kafka)) as watch:
        watch.start()
        with pytest.raises(KafkaError, match="the user was removed"):
            wait(watch)
