"""aiokafka's own lines: the first of each kind is shown, what it repeats is counted."""

import logging
from collections.abc import Iterator

import pytest

from notifier.net.kafka.quiet import limit_log_lines


class Written(logging.Handler):
    """What comes to the root's handlers, as it does in the program."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
def written() -> Iterator[list[str]]:
    logger, root, handler = logging.getLogger("aiokafka"), logging.getLogger(), Written()
    before = logger.handlers[:], logger.level, logger.propagate
    logger.handlers[:] = []
    limit_log_lines()
    limit_log_lines()
    root.addHandler(handler)
    yield handler.lines
    root.removeHandler(handler)
    logger.handlers[:], logger.level, logger.propagate = before


def test_equal_lines_are_written_once_a_minute_with_their_number(written: list[str]) -> None:
    logger = logging.getLogger("aiokafka.consumer.fetcher")
    for number in range(100):
        logger.error("Failed fetch messages from %s", number)
    later = logger.makeRecord(logger.name, logging.ERROR, "", 1, "Failed fetch messages from %s", (7,), None)
    later.created += 61
    logger.handle(later)

    assert written == [
        "Failed fetch messages from 0",
        "Failed fetch messages from 7 (99 more since the last)",
    ]


def test_lines_of_another_kind_are_not_held_back(written: list[str]) -> None:
    logging.getLogger("aiokafka").error("one")
    logging.getLogger("aiokafka").error("another")
    logging.getLogger("aiokafka.cluster").error("one")

    assert written == ["one", "another", "one"]


def test_who_logged_in_is_not_told(written: list[str]) -> None:
    logging.getLogger("aiokafka.conn").info("Authenticated as %s via %s", "me", "PLAIN")

    assert not written
