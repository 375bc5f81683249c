"""The exception tree and the bounded reasons. Foreign exceptions are mapped to these at their adapter."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple


class Reason(StrEnum):
    """Why a look or a delivery went as it did: the only metric label. The other side's words are a `detail`."""

    # a look
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    REJECTED = "rejected"  # 400, 422 and other 4xx
    THROTTLED = "throttled"  # 429, 420
    REDIRECTED = "redirected"
    UNREADABLE = "unreadable"
    UNKNOWN_SOURCE = "unknown_source"
    # a look or a send
    SERVER_ERROR = "server_error"  # 5xx
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    TLS = "tls"
    TOO_LARGE = "too_large"
    INTERNAL = "internal"  # a fault of ours: logged with its trace
    # a delivery
    REFUSED = "refused"  # the other side said no for good
    DEFERRED = "deferred"  # a mail server asks to come again (4xx): greylisting, a full mailbox
    RETRIES_EXHAUSTED = "retries_exhausted"
    ENDPOINT_DISABLED = "endpoint_disabled"
    FORBIDDEN_TARGET = "forbidden_target"
    OUTCOME_UNKNOWN = "outcome_unknown"
    EXPIRED = "expired"
    OVERTAKEN = "overtaken"
    REMOVED = "removed"
    UNKNOWN_SINK = "unknown_sink"
    TEMPLATE_ERROR = "template_error"  # its message cannot be written: see the log
    RESTORED = "restored"  # open in a backup that was restored: it may have been sent since
    # decided against, when it was routed
    NO_ADDRESS = "no_address"
    ALREADY_TOLD = "already_told"
    INFERRED = "inferred"
    LATE = "late"
    # held back
    RETRYING = "retrying"
    RETRY_AFTER = "retry_after"
    BREAKER_OPEN = "breaker_open"
    QUIET_HOURS = "quiet_hours"
    DELAYED = "delayed"
    GROUPED = "grouped"
    CAPPED = "capped"
    IN_LINE = "in_line"  # behind another one of its lane; shown, never stored


class NotifierError(Exception):
    """Base of everything that this program raises on purpose."""


class Problem(NamedTuple):
    """One thing wrong in an input: where (`sources.trips.token`), and what to do about it."""

    path: str
    message: str


class ConfigError(NotifierError):
    """A configuration or command line that cannot be used; all problems at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{path}: {message}" if path else message for path, message in self.problems))


class InputError(ConfigError):
    """A body or record from outside whose content is wrong (HTTP 422)."""


class Conflict(NotifierError):
    """What is asked contradicts what is kept (HTTP 409); the text says what to do."""


class LookFailed(NotifierError):
    """A look without a snapshot. `after`: not before this many seconds (Retry-After), for this order.

    `detail` may hold the other side's words, for `why` alone; `logged` is what a log may say, by default the same.
    `sent`: False where it is sure that nothing of the request went out.
    """

    def __init__(
        self,
        reason: Reason,
        detail: str = "",
        *,
        after: float | None = None,
        status: int | None = None,
        sent: bool = True,
        logged: str | None = None,
    ) -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail
        self.logged = detail if logged is None else logged
        self.after = after
        self.status = status
        self.sent = sent


class BackendError(NotifierError):
    """A backend could not do what was asked."""


class Refused(BackendError):
    """The backend cannot be opened; the text says what to do. Exit 1."""


class Unavailable(BackendError):
    """Nothing was written; the same batch may come again."""


class LeaseLost(BackendError):
    """The outcome of the commit is unknown, or the shard has a new owner: drop its memory, take the next lease."""
