"""aiokafka's own log lines, about ten errors a second for each consumer while a broker is away: the first, then few."""

import logging

from notifier.log import Repeats


class _Limited(logging.Handler):
    """Passes on the first of equal lines, and one a minute with the number of those left out."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._repeats = Repeats()

    def emit(self, record: logging.LogRecord) -> None:
        left_out = self._repeats.ok((record.name, record.levelno, record.msg), record.created)
        if left_out is None:
            return
        if left_out:
            record.msg = f"{record.getMessage()} ({left_out} more since the last)"
            record.args = None
        logging.getLogger().handle(record)


def limit_log_lines() -> None:
    """For the whole process, once."""
    logger = logging.getLogger("aiokafka")
    if not any(isinstance(handler, _Limited) for handler in logger.handlers):
        logger.setLevel(logging.WARNING)  # below it are user names, and a line for each look for a coordinator
        logger.addHandler(_Limited())
        logger.propagate = False
