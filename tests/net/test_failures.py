"""The table of foreign exceptions is complete: every class of the libraries is in it, by a row that is meant."""

import inspect
import socket
import ssl
from collections.abc import Iterator
from types import ModuleType

import aiohttp
import pytest
from aiohttp import client_exceptions, http_exceptions
from aiohttp.client_reqrep import ConnectionKey

from notifier.errors import LookFailed, Reason
from notifier.net.failures import MAPPED, TABLE, failed
from notifier.net.guard import ForbiddenAddress

KEY = ConnectionKey("secret.example.org", 443, True, True, None, None, None)
ROOTS = {Exception, BaseException, aiohttp.ClientError, object}

NOT_OF_REQUESTS = {
    "WSMessageTypeError": "of web sockets, which are not used",
}


def exceptions_of(module: ModuleType) -> Iterator[type[Exception]]:
    for _, kind in inspect.getmembers(module, inspect.isclass):
        if issubclass(kind, Exception) and kind.__module__ == module.__name__ and not kind.__name__.startswith("_"):
            yield kind


FOREIGN = sorted(
    {*exceptions_of(client_exceptions), *exceptions_of(http_exceptions), *exceptions_of(ssl), *exceptions_of(socket)},
    key=lambda kind: kind.__qualname__,
)


@pytest.mark.parametrize("kind", FOREIGN, ids=lambda kind: kind.__qualname__)
def test_every_exception_is_caught_and_has_a_row(kind: type[Exception]) -> None:
    if kind.__name__ in NOT_OF_REQUESTS or kind is aiohttp.ClientError:
        return
    assert issubclass(kind, MAPPED)
    rows = [row for row, _, _ in TABLE if issubclass(kind, row)]
    assert rows, "a new class of the library: decide what it means"
    assert rows[0] not in ROOTS


def test_the_walk_finds_what_there_is() -> None:
    names = {kind.__name__ for kind in FOREIGN}
    assert {"ClientConnectorDNSError", "ServerTimeoutError", "ContentLengthError", "SSLError", "gaierror"} <= names
    assert len(names) > 40


def test_no_row_is_hidden_by_an_earlier_one() -> None:
    for place, (kind, _, _) in enumerate(TABLE):
        assert not any(issubclass(kind, earlier) for earlier, _, _ in TABLE[:place]), kind


@pytest.mark.parametrize(
    ("error", "reason", "detail"),
    [
        (TimeoutError(), Reason.TIMEOUT, "no answer in time"),
        (aiohttp.ServerTimeoutError("to http://secret"), Reason.TIMEOUT, "no answer in time"),
        (aiohttp.ConnectionTimeoutError("to http://secret"), Reason.TIMEOUT, "no answer in time"),
        (aiohttp.ServerDisconnectedError(), Reason.CONNECTION, "closed before an answer"),
        (aiohttp.ClientPayloadError("at http://secret"), Reason.CONNECTION, "answer broken off"),
        (aiohttp.InvalidURL("http://secret"), Reason.REJECTED, "not a URL"),
        (aiohttp.NonHttpUrlClientError("ftp://secret"), Reason.REJECTED, "not an http URL"),
        (
            aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "secret.example.org")),
            Reason.CONNECTION,
            "host name not resolved",
        ),
        (
            aiohttp.ClientConnectorError(KEY, OSError(113, "Multiple exceptions: 10.0.0.1, secret")),
            Reason.CONNECTION,
            "not connected: No route to host",
        ),
        (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "secret")), Reason.TLS, "no TLS connection"),
        (ssl.SSLEOFError(8, "secret"), Reason.TLS, "TLS connection broken"),
        (ConnectionResetError(104, "secret"), Reason.CONNECTION, "connection lost"),
        (
            aiohttp.ClientConnectorError(KEY, ForbiddenAddress("an address in 10.0.0.0/8 (private)")),
            Reason.FORBIDDEN_TARGET,
            "an address in 10.0.0.0/8 (private)",
        ),
        (
            aiohttp.ClientConnectorDNSError(KEY, ForbiddenAddress("an address in 10.0.0.0/8 (private)")),
            Reason.FORBIDDEN_TARGET,
            "an address in 10.0.0.0/8 (private)",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_reasons_and_words(error: Exception, reason: Reason, detail: str) -> None:
    told = failed(error)
    assert isinstance(told, LookFailed)
    assert (told.reason, told.detail) == (reason, detail)


def test_a_class_that_nobody_knows_yet_is_a_bounded_reason_too() -> None:
    class New(aiohttp.ClientError):
        pass

    assert failed(New("secret")).reason is Reason.CONNECTION
    assert "secret" not in str(failed(New("secret")))


@pytest.mark.parametrize(
    ("error", "sent"),
    [
        (aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(111, "refused")), False),
        (aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "unknown")), False),
        (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "no")), False),
        (aiohttp.ClientConnectorError(KEY, ForbiddenAddress("private")), False),
        (aiohttp.ConnectionTimeoutError(), False),
        (aiohttp.InvalidURL("x"), False),
        (aiohttp.ServerDisconnectedError(), True),
        (aiohttp.ClientOSError(104, "reset"), True),
        (aiohttp.ServerTimeoutError(), True),
        (TimeoutError(), True),
        (aiohttp.ClientPayloadError(), True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_what_surely_did_not_go_out(error: Exception, sent: bool) -> None:
    assert failed(error).sent is sent
