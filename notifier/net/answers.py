"""What an answer other than 200 means, as a bounded reason. Pure."""

import re
from collections.abc import Callable

from notifier.errors import LookFailed, Reason
from notifier.model import Instant
from notifier.net.fetch import Response
from notifier.net.retry_after import retry_after

LONGEST_DETAIL = 200
_CODE = re.compile(r"(?:\d{1,5}|[A-Za-z]{1,32}(?:_[A-Za-z0-9]{1,32}){1,6})(?=: |$)")

_REFUSALS = {401: Reason.UNAUTHORIZED, 403: Reason.FORBIDDEN, 404: Reason.NOT_FOUND} | dict.fromkeys(
    (420, 429), Reason.THROTTLED
)


def refused(response: Response, refusal: Callable[[Response], str], now: Instant) -> LookFailed:
    """The failed look, with `after` from the Retry-After of a 429, 420 or 503.

    `refusal`: the source's reading of what the answer says. A log gets its code alone: what an API writes in words may
    name a person, and no pattern finds names.
    """
    status = response.status
    if not 300 <= status < 600:
        return LookFailed(Reason.UNREADABLE, f"HTTP {status} instead of 200", status=status)
    if status < 400:
        return LookFailed(Reason.REDIRECTED, f"HTTP {status}: redirects are not followed", status=status)
    reason = Reason.SERVER_ERROR if status >= 500 else _REFUSALS.get(status, Reason.REJECTED)
    after = retry_after(response.headers, now) if status in (420, 429, 503) else None
    words = refusal(response)[:LONGEST_DETAIL]
    code = _CODE.match(words)
    logged = f"HTTP {status}, {code[0]}" if code else f"HTTP {status}"
    return LookFailed(reason, words or f"HTTP {status}", after=after, status=status, logged=logged)
