"""What a gateway's answer means for an SMS, which must not be sent twice (INTERFACE, 'Sink keys'). Pure."""

from typing import Any, Literal

import orjson

from notifier.errors import LookFailed, Reason
from notifier.model import Instant
from notifier.net.fetch import Response
from notifier.net.retry_after import retry_after
from notifier.sinks.base import Outcome


def delivered(response: Response) -> Outcome:
    return Outcome("delivered", str(response.status))


def refused(response: Response, words: str, reason: Reason = Reason.REFUSED) -> Outcome:
    """For good: nothing was sent, and nothing would be the next time."""
    return Outcome("dead", str(response.status), reason, words or f"HTTP {response.status}")


def unknown(response: Response, words: str) -> Outcome:
    """It may have been sent."""
    return Outcome("dead", str(response.status), Reason.OUTCOME_UNKNOWN, words)


def by_status(response: Response, words: str, now: Instant) -> Outcome:
    """For every answer that is no success: 429 and 503 ask to come again, another 4xx is a refusal."""
    status = response.status
    if status in (429, 503):
        reason = Reason.THROTTLED if status == 429 else Reason.SERVER_ERROR
        return Outcome("again", str(status), reason, words, retry_after(response.headers, now))
    if 400 <= status < 500:
        return refused(response, words, Reason.UNAUTHORIZED if status == 401 else Reason.REFUSED)
    if 300 <= status < 400:
        return refused(response, "redirects are not followed: correct base_url", Reason.REDIRECTED)
    return unknown(response, words or f"HTTP {status}")


def unanswered(failed: LookFailed) -> Outcome:
    """Sent again only where it is sure that nothing went out: a refused connection, a name that is not resolved."""
    kind: Literal["again", "dead"] = "dead" if failed.sent else "again"
    return Outcome(kind, None, Reason.OUTCOME_UNKNOWN if failed.sent else failed.reason, failed.detail)


def document(response: Response) -> Any:
    """The JSON of an answer; None where it is none."""
    try:
        return orjson.loads(response.body)
    except orjson.JSONDecodeError:
        return None


def field(told: Any, *names: str) -> str:
    """The first of these fields that is a text or a number, as text."""
    for name in names:
        value = told.get(name) if isinstance(told, dict) else None
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return str(value)
    return ""
