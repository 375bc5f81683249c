"""The table of aiosmtplib's exceptions is complete: every class of the library is in it, by a row that is meant."""

import inspect
import socket
import ssl
from collections.abc import Iterator

import aiosmtplib
import pytest
from aiosmtplib import errors as smtp

from notifier.errors import Reason
from notifier.sinks.email.failures import MAPPED, TABLE, Unfit, outcome

ROOTS = {Exception, BaseException, OSError, smtp.SMTPException}


def exceptions() -> Iterator[type[Exception]]:
    for _, kind in inspect.getmembers(smtp, inspect.isclass):
        if issubclass(kind, Exception) and kind.__module__ == smtp.__name__:
            yield kind


FOREIGN = sorted(exceptions(), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", FOREIGN, ids=lambda kind: kind.__name__)
def test_every_exception_is_caught_and_has_a_row(kind: type[Exception]) -> None:
    assert issubclass(kind, MAPPED)
    rows = [row for row, _, _ in TABLE if issubclass(kind, row)]
    assert rows
    assert kind is smtp.SMTPException or rows[0] not in ROOTS, "a new class of the library: decide what it means"


def test_the_walk_finds_what_the_library_exports() -> None:
    exported = {name for name in aiosmtplib.__all__ if name.startswith("SMTP") and hasattr(smtp, name)}
    assert exported <= {kind.__name__ for kind in FOREIGN}
    assert len(FOREIGN) >= 15


def test_no_row_is_hidden_by_an_earlier_one() -> None:
    for place, (kind, _, _) in enumerate(TABLE):
        if kind is not smtp.SMTPConnectTimeoutError and kind is not smtp.SMTPTimeoutError:
            assert not any(issubclass(kind, earlier) for earlier, _, _ in TABLE[:place]), kind


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


EXPIRED = ssl.SSLCertVerificationError(1, "secret")
EXPIRED.verify_message = "certificate has expired, secret"


@pytest.mark.parametrize(
    ("error", "kind", "status", "reason", "detail"),
    [
        (smtp.SMTPRecipientRefused(550, "5.1.1 nobody", "secret"), "dead", "550", Reason.REFUSED, "5.1.1 nobody"),
        (smtp.SMTPSenderRefused(553, "", "secret"), "dead", "553", Reason.REFUSED, "SMTP 553"),
        (smtp.SMTPDataError(552, "too big\n5.3.4 indeed"), "dead", "552", Reason.REFUSED, "too big 5.3.4 indeed"),
        (smtp.SMTPAuthenticationError(535, "5.7.8 no"), "dead", "535", Reason.UNAUTHORIZED, "5.7.8 no"),
        (smtp.SMTPAuthenticationError(454, "4.7.0 later"), "again", "454", Reason.DEFERRED, "4.7.0 later"),
        (smtp.SMTPConnectResponseError(554, "no"), "dead", "554", Reason.REFUSED, "no"),
        (smtp.SMTPHeloError(421, "bye"), "again", "421", Reason.DEFERRED, "bye"),
        (smtp.SMTPDataError(451, "4.7.1 greylisted"), "again", "451", Reason.DEFERRED, "4.7.1 greylisted"),
        (
            smtp.SMTPResponseException(-1, "secret"),
            "again",
            None,
            Reason.UNREADABLE,
            "not an answer of a mail server (RCPT)",
        ),
        (smtp.SMTPDataError(250, "secret"), "again", None, Reason.UNREADABLE, "not an answer of a mail server (RCPT)"),
        (smtp.SMTPServerDisconnected("secret"), "again", None, Reason.CONNECTION, "connection broken off (RCPT)"),
        (smtp.SMTPReadTimeoutError("secret"), "again", None, Reason.TIMEOUT, "no answer in time (RCPT)"),
        (TimeoutError(), "again", None, Reason.TIMEOUT, "no answer in time (RCPT)"),
        (
            caused(smtp.SMTPConnectError("secret"), ConnectionRefusedError(111, "secret")),
            "again",
            None,
            Reason.CONNECTION,
            "not connected: Connection refused (RCPT)",
        ),
        (
            caused(smtp.SMTPConnectError("secret"), socket.gaierror(-2, "secret")),
            "again",
            None,
            Reason.CONNECTION,
            "host name not resolved (RCPT)",
        ),
        (
            caused(smtp.SMTPConnectError("secret"), EXPIRED),
            "again",
            None,
            Reason.TLS,
            "certificate not valid: certificate has expired (RCPT)",
        ),
        (ssl.SSLError(1, "secret"), "again", None, Reason.TLS, "no TLS connection (RCPT)"),
        (smtp.SMTPException("secret"), "again", None, Reason.UNREADABLE, "broken dialogue (RCPT)"),
        (
            ConnectionResetError(104, "x"),
            "again",
            None,
            Reason.CONNECTION,
            "connection lost: Connection reset by peer (RCPT)",
        ),
        (Unfit(Reason.TLS, "offers no STARTTLS"), "again", None, Reason.TLS, "offers no STARTTLS"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_outcomes_and_words(error: Exception, kind: str, status: str | None, reason: Reason, detail: str) -> None:
    told = outcome(error, "RCPT")
    assert (told.kind, told.status, told.reason, told.detail) == (kind, status, reason, detail)


@pytest.mark.parametrize(
    ("stage", "code", "alone"),
    [("RCPT", 451, True), ("DATA", 452, True), ("RCPT", 421, False), ("MAIL", 451, False), ("EHLO", 450, False)],
)
def test_what_a_server_says_of_one_recipient_is_not_about_the_server(stage: str, code: int, alone: bool) -> None:
    told = outcome(smtp.SMTPResponseException(code, "come again"), stage)
    assert (told.kind, told.reason, told.alone) == ("again", Reason.DEFERRED, alone)
