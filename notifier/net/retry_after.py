"""The Retry-After header: seconds, or a date (RFC 9110, 10.2.3). Pure."""

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from notifier.instants import from_datetime
from notifier.model import Instant

LONGEST = 86_400.0
"""Seconds: a longer one is believed up to a day."""

_SECONDS = re.compile(r"\d{1,300}(?:\.\d{1,20})?")


def retry_after(headers: Mapping[str, str], now: Instant) -> float | None:
    """Seconds to wait, 0.0 to a day; None without the header, or where it cannot be read.

    A date is taken against the answer's own `Date`, so that a peer's wrong clock does no harm; without one, against
    `now`.
    """
    text = headers.get("Retry-After", "").strip()
    if not text:
        return None
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST)
    until = _date(text)
    if until is None:
        return None
    sent = _date(headers.get("Date", ""))
    return min(max(0.0, (until - (now if sent is None else sent)) / 1000), LONGEST)


def _date(text: str) -> Instant | None:
    try:
        moment = parsedate_to_datetime(text)
        return from_datetime(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))
    except (TypeError, ValueError, IndexError, OverflowError):  # what the parser of email raises for bad dates
        return None
