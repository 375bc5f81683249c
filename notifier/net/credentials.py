"""What authorises a request: the seam, and tokens that are given, in place or in a file."""

import math
from typing import Protocol

from notifier.errors import LookFailed, Reason
from notifier.fields import Secret

LOOK_AT_FILE_EACH = 1.0  # seconds


class Credential(Protocol):
    """`now` is always monotonic seconds."""

    async def header(self, now: float, /) -> str | None:
        """The value of Authorization; None: the API wants none. LookFailed where a token cannot be had."""
        ...

    async def renew(self, rejected: str, /) -> bool:
        """After a 401 for this header: a new token, or the file read again; one renewal for all who ask.

        Whether the request may be repeated: a plain token gives no reason to. LookFailed where none can be had.
        """
        ...

    def changed(self, rejected: str, now: float, /) -> bool:
        """Whether there is, or may well be, another header than this one; cheap."""
        ...

    async def close(self) -> None: ...


class NoCredential:
    """For an API that asks for nothing."""

    async def header(self, _now: float, /) -> str | None:
        return None

    async def renew(self, _rejected: str, /) -> bool:
        return False

    def changed(self, _rejected: str, _now: float, /) -> bool:
        return False

    async def close(self) -> None: ...


class TokenCredential:
    """A token in place or in a file, which is read again when it changes."""

    def __init__(self, token: Secret, scheme: str) -> None:
        """`scheme`: what stands before it; empty: the bare token."""
        self._token = token
        self._scheme = scheme
        self._header: str | None = None
        self._looked_at = -math.inf

    async def header(self, now: float, /) -> str | None:
        return self._read(now)

    async def renew(self, _rejected: str, /) -> bool:
        self._looked_at = -math.inf  # whatever the time: the next to ask reads the file again
        return self._token.path is not None

    def changed(self, rejected: str, now: float, /) -> bool:
        return self._read(now) != rejected

    async def close(self) -> None: ...

    def _read(self, now: float) -> str:
        if self._header is None or now - self._looked_at >= LOOK_AT_FILE_EACH:
            self._header = authorization(self._scheme, self._token.get())
            self._looked_at = now
        return self._header


def authorization(scheme: str, token: str) -> str:
    """'Bearer t0ken'. LookFailed(unauthorized) for a token that no header can carry."""
    if not token.isprintable() or not token.isascii():
        raise LookFailed(
            Reason.UNAUTHORIZED, "the token holds a line break or another character that no header carries"
        )
    return f"{scheme} {token}" if scheme else token
