"""What can go wrong in an HTTP client's hands, as bounded reasons: one table for aiohttp, the system and TLS."""

import os
import ssl

import aiohttp
from aiohttp.http_exceptions import ContentEncodingError, HttpProcessingError

from notifier.errors import LookFailed, Reason
from notifier.net.guard import ForbiddenAddress

# The first row that an exception is an instance of counts. The words are ours: a library's carry URLs and addresses.
TABLE: tuple[tuple[type[BaseException], Reason, str], ...] = (
    (ForbiddenAddress, Reason.FORBIDDEN_TARGET, "forbidden address"),
    (aiohttp.ClientConnectorCertificateError, Reason.TLS, "certificate not valid"),
    (aiohttp.ServerFingerprintMismatch, Reason.TLS, "certificate not valid"),
    (aiohttp.ClientSSLError, Reason.TLS, "no TLS connection"),
    (ssl.SSLError, Reason.TLS, "TLS connection broken"),
    (TimeoutError, Reason.TIMEOUT, "no answer in time"),
    (aiohttp.ClientConnectorDNSError, Reason.CONNECTION, "host name not resolved"),
    (aiohttp.ClientConnectorError, Reason.CONNECTION, "not connected"),
    (aiohttp.ServerDisconnectedError, Reason.CONNECTION, "closed before an answer"),
    (aiohttp.ClientConnectionError, Reason.CONNECTION, "connection lost"),
    (aiohttp.ClientPayloadError, Reason.CONNECTION, "answer broken off"),
    (aiohttp.UploadAbortedError, Reason.CONNECTION, "connection lost"),
    (aiohttp.TooManyRedirects, Reason.REDIRECTED, "redirected"),
    (aiohttp.RedirectClientError, Reason.REDIRECTED, "redirected"),
    (aiohttp.ClientHttpProxyError, Reason.CONNECTION, "proxy refused"),
    (aiohttp.ClientResponseError, Reason.UNREADABLE, "not an HTTP answer"),
    (aiohttp.InvalidURL, Reason.REJECTED, "not a URL"),
    (aiohttp.NonHttpUrlClientError, Reason.REJECTED, "not an http URL"),
    (ContentEncodingError, Reason.UNREADABLE, "packed in a way that cannot be read"),
    (HttpProcessingError, Reason.UNREADABLE, "not an HTTP answer"),
    (OSError, Reason.CONNECTION, "connection lost"),
)

UNSENT: tuple[type[BaseException], ...] = (
    ForbiddenAddress,
    aiohttp.ClientConnectorError,  # refused, not resolved, no TLS: all of them before a request is written
    aiohttp.ClientConnectorCertificateError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
)
"""After these it is sure that nothing of the request went out."""

MAPPED: tuple[type[Exception], ...] = (aiohttp.ClientError, HttpProcessingError, OSError)
"""What an adapter catches; `TimeoutError` and `ssl.SSLError` are OSErrors."""


def failed(error: Exception) -> LookFailed:
    """The failure of one attempt, in bounded words, for an exception of one of the MAPPED classes."""
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, ForbiddenAddress):
        return LookFailed(Reason.FORBIDDEN_TARGET, str(error.os_error), sent=False)
    cause = error.__cause__
    if isinstance(error, aiohttp.ClientPayloadError) and isinstance(cause, ContentEncodingError):
        error = cause  # it came whole, as far as it is known
    for kind, reason, words in TABLE:
        if isinstance(error, kind):
            return LookFailed(reason, _more(error, words), sent=not isinstance(error, UNSENT))
    return LookFailed(Reason.CONNECTION, "connection failed")


def _more(error: Exception, words: str) -> str:
    """The system's own words where they help and tell nothing private: 'not connected: Connection refused'."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        message = getattr(error.certificate_error, "verify_message", "")
        return f"{words}: {message.partition(',')[0]}" if message else words
    if isinstance(error, aiohttp.ClientConnectorDNSError | aiohttp.ClientSSLError):
        return words
    if isinstance(error, aiohttp.ClientConnectorError) and error.os_error.errno:
        # The text made of several attempts' errors lists their addresses; that of the number does not.
        return f"{words}: {os.strerror(error.os_error.errno)}"
    return words
