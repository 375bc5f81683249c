"""The table of aiokafka's errors: whole, and right where it matters."""

import inspect
import socket
import ssl

import pytest
from aiokafka import errors as kafka

from notifier.errors import LeaseLost, Reason, Refused, Unavailable
from notifier.net.kafka.errors import MAPPED, TABLE, failure, row

GENERIC = (kafka.KafkaError, kafka.KafkaProtocolError, kafka.BrokerResponseError, kafka.NoError, kafka.UnknownError)
NAMED = {kind for kinds, _ in TABLE for kind in kinds}


def every() -> list[type[Exception]]:
    found = vars(kafka).values()
    return sorted(
        {each for each in found if inspect.isclass(each) and issubclass(each, Exception)},
        key=lambda each: each.__name__,
    )


@pytest.mark.parametrize("error", every())
def test_every_error_of_aiokafka_has_a_row_of_its_own(error: type[Exception]) -> None:
    assert error in GENERIC or NAMED & set(error.__mro__) - {kafka.KafkaError}
    assert issubclass(error, MAPPED)


@pytest.mark.parametrize("error", every())
def test_what_may_be_tried_again_is_refused_by_nobody(error: type[Exception]) -> None:
    if getattr(error, "retriable", False):
        assert row(error()).error is not Refused


@pytest.mark.parametrize(
    ("error", "expected", "reason"),
    [
        (kafka.ProducerFenced(), LeaseLost, Reason.CONNECTION),
        (kafka.InvalidProducerEpoch(), LeaseLost, Reason.CONNECTION),
        (AssertionError(), LeaseLost, Reason.CONNECTION),
        (kafka.SaslAuthenticationFailed("…"), Refused, Reason.UNAUTHORIZED),
        (kafka.TopicAuthorizationFailedError("notifier.events"), Refused, Reason.FORBIDDEN),
        (kafka.TransactionalIdAuthorizationFailed(), Refused, Reason.FORBIDDEN),
        (kafka.MessageSizeTooLargeError(), Unavailable, Reason.TOO_LARGE),
        (kafka.NotEnoughReplicasError(), Unavailable, Reason.SERVER_ERROR),
        (kafka.KafkaConnectionError("…"), Unavailable, Reason.CONNECTION),
        (kafka.RequestTimedOutError(), Unavailable, Reason.TIMEOUT),
        (TimeoutError(), Unavailable, Reason.TIMEOUT),
        (ssl.SSLCertVerificationError(), Refused, Reason.TLS),
        (ConnectionRefusedError(111, "…"), Unavailable, Reason.CONNECTION),
        (kafka.UnknownError(), Unavailable, Reason.INTERNAL),
    ],
)
def test_what_it_means(error: Exception, expected: type[Exception], reason: Reason) -> None:
    assert (row(error).error, row(error).reason) == (expected, reason)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (kafka.TopicAuthorizationFailedError("notifier.events"), "notifier.events"),
        (ConnectionRefusedError(111, "Connect call failed ('10.0.0.7', 9092)"), "Connection refused"),
        (socket.gaierror(-2, "Name or service not known"), "host name not resolved"),
        (kafka.ProducerFenced(), "ProducerFenced"),
    ],
)
def test_it_says_what_was_done_and_what_went_wrong(error: Exception, words: str) -> None:
    said = str(failure(error, "writing"))
    assert said.startswith("writing: ")
    assert words in said
    assert "10.0.0.7" not in said
