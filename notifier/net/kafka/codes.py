"""What a code in an answer means to a producer with transactions."""

from aiokafka.errors import (
    InvalidProducerEpoch,
    KafkaError,
    NoError,
    ProducerFenced,
    TopicAuthorizationFailedError,
    for_code,
)

FENCED = 90  # the code of ProducerFenced, which aiokafka does not know


def failure_of(code: int, topic: str | None = None) -> KafkaError | None:
    kind: type[KafkaError] = for_code(code)
    if kind is NoError:
        return None
    if kind is InvalidProducerEpoch or code == FENCED:
        return ProducerFenced()
    return kind(topic) if topic is not None and kind is TopicAuthorizationFailedError else kind()
