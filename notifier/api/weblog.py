"""The web framework's own log lines, told in ours: its texts quote request lines and headers, tokens among them."""

import logging

import structlog
from aiohttp.http_exceptions import HttpProcessingError

_log = structlog.get_logger()


class WebLog(logging.Logger):
    """Stands in for `aiohttp.server`'s logger."""

    def __init__(self) -> None:
        super().__init__("notifier.api", level=logging.INFO)

    def handle(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError):
            _log.info("http_request_unreadable", kind=type(error).__name__)
        else:
            _log.error("http_server_fault", exc_info=error)
