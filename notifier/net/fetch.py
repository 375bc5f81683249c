"""The seam behind which the HTTP client stands: `fetch(request) -> status, headers, body`."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol


class Request(NamedTuple):
    url: str  # whole, already percent-encoded
    headers: tuple[tuple[str, str], ...] = ()
    method: str = "GET"
    body: bytes | None = None


class Response(NamedTuple):
    status: int
    headers: Mapping[str, str]  # names compare without case
    body: bytes


class Fetch(Protocol):
    """One attempt. Time-out, size cap and address guard are fixed when it is built; redirects are not followed."""

    async def __call__(self, request: Request, /) -> Response:
        """Any status, the body unpacked; else LookFailed: timeout, connection, tls, too_large, unreadable (not HTTP, or
        packed in a way that cannot be read), rejected (not a URL), forbidden_target. Cancellation passes through."""
        ...

    async def close(self) -> None: ...
