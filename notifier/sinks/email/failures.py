"""What can go wrong with a mail server, as outcomes: one table for aiosmtplib, the system and TLS.

An answer counts by its code (RFC 5321, 4.2.1): 5xx is final, 4xx asks to come again. Without one the mail is sent
again, also where it may have been accepted: it carries the same Message-ID, and a mail twice is better than none.
"""

import os
import socket
import ssl
from collections.abc import Iterable

from aiosmtplib import errors as smtp

from notifier.errors import Reason
from notifier.sinks.base import Outcome
from notifier.sinks.words import shown


class Unfit(Exception):
    """The server lacks what the settings ask for; the words say what."""

    def __init__(self, reason: Reason, words: str) -> None:
        super().__init__(words)
        self.reason = reason
        self.words = words


# The first row that an exception is an instance of counts. The words are ours: a library's carry hosts and addresses.
TABLE: tuple[tuple[type[BaseException], Reason, str], ...] = (
    (ssl.SSLCertVerificationError, Reason.TLS, "certificate not valid"),
    (ssl.SSLError, Reason.TLS, "no TLS connection"),
    (smtp.SMTPConnectTimeoutError, Reason.TIMEOUT, "no answer in time"),
    (smtp.SMTPTimeoutError, Reason.TIMEOUT, "no answer in time"),
    (TimeoutError, Reason.TIMEOUT, "no answer in time"),
    (smtp.SMTPResponseException, Reason.UNREADABLE, "not an answer of a mail server"),
    (smtp.SMTPRecipientsRefused, Reason.UNREADABLE, "not an answer of a mail server"),
    (socket.gaierror, Reason.CONNECTION, "host name not resolved"),
    (smtp.SMTPConnectError, Reason.CONNECTION, "not connected"),
    (smtp.SMTPServerDisconnected, Reason.CONNECTION, "connection broken off"),
    (smtp.SMTPNotSupported, Reason.UNREADABLE, "the server lacks an extension"),
    (smtp.SMTPException, Reason.UNREADABLE, "broken dialogue"),
    (OSError, Reason.CONNECTION, "connection lost"),
)

CLOSING = 421
"""The server is about to end the connection (RFC 5321, 3.8): that is about itself, whenever it says so."""

_OF_ONE = ("RCPT", "DATA")
"""Stages in which an answer is about one mail and its recipient."""

MAPPED: tuple[type[Exception], ...] = (Unfit, smtp.SMTPException, OSError)
"""What the sink catches; `TimeoutError` and `ssl.SSLError` are OSErrors."""


def outcome(error: Exception, stage: str, secrets: Iterable[str] = ()) -> Outcome:
    """How an attempt ended that an exception of the MAPPED classes broke off, `stage` being where it was."""
    if isinstance(error, Unfit):
        return Outcome("again", reason=error.reason, detail=error.words)
    if isinstance(error, smtp.SMTPResponseException) and 400 <= error.code < 600:
        return _answered(error, stage, secrets)
    cause = error.__cause__
    if isinstance(error, smtp.SMTPException) and isinstance(cause, ssl.SSLError | socket.gaierror):
        error = cause
    for kind, reason, words in TABLE:
        if isinstance(error, kind):
            return Outcome("again", reason=reason, detail=f"{words}{_more(error)} ({stage})")
    return Outcome("again", reason=Reason.CONNECTION, detail=f"connection failed ({stage})")


def _answered(error: smtp.SMTPResponseException, stage: str, secrets: Iterable[str]) -> Outcome:
    code = str(error.code)
    words = shown(error.message, secrets) or f"SMTP {code}"
    if error.code < 500:
        # Greylisting, a full mailbox: no reason to hold the mails of all others.
        alone = stage in _OF_ONE and error.code != CLOSING
        return Outcome("again", code, Reason.DEFERRED, words, alone=alone)
    login = isinstance(error, smtp.SMTPAuthenticationError)
    return Outcome("dead", code, Reason.UNAUTHORIZED if login else Reason.REFUSED, words)


def _more(error: Exception) -> str:
    """The system's own words where they help and tell nothing private: `: Connection refused`."""
    if isinstance(error, ssl.SSLCertVerificationError):
        told = str(error.verify_message or "").partition(",")[0]
        return f": {told}" if told else ""
    cause = error.__cause__ if isinstance(error, smtp.SMTPException) else error
    if isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError | socket.gaierror) and cause.errno:
        return f": {os.strerror(cause.errno)}"
    return ""
