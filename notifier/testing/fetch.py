"""A `Fetch` that answers by script. It passes the contract suite of the real one."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from multidict import CIMultiDict

from notifier.errors import LookFailed, Reason
from notifier.net.fetch import Request, Response


class _Silence:
    """A peer that takes the request and never answers."""


SILENCE: Final = _Silence()

Answer: TypeAlias = Response | Exception | _Silence | Callable[[Request], "Response | Awaitable[Response]"]
"""What one request gets: an answer, a failure, no answer at all, or what a function makes of it."""


def reply(status: int = 200, body: bytes | str = b"", headers: Mapping[str, str] | None = None) -> Response:
    """A response whose header names compare without case, as a real one's do."""
    return Response(status, CIMultiDict(headers or {}), body.encode() if isinstance(body, str) else body)


class FakeFetch:
    """Each request gets the next answer of the script; after its end, `always`."""

    def __init__(
        self, *script: Answer, always: Answer | None = None, timeout_ms: int = 10_000, max_body: int = 4 * 1024 * 1024
    ) -> None:
        self.requests: list[Request] = []
        self.closed = False
        self.always = always
        self._script = deque(script)
        self._timeout = timeout_ms / 1000
        self._max_body = max_body

    def script(self, *answers: Answer) -> None:
        """More answers, after those that are left."""
        self._script.extend(answers)

    async def __call__(self, request: Request, /) -> Response:
        if self.closed:
            raise LookFailed(Reason.CONNECTION, "closed")
        self.requests.append(request)
        answer = self._script.popleft() if self._script else self.always
        if answer is None:
            raise AssertionError(f"the script has no answer left for request {len(self.requests)}")
        await asyncio.sleep(0)  # as any real one, it gives others a turn
        if isinstance(answer, _Silence):
            await asyncio.sleep(self._timeout)
            raise LookFailed(Reason.TIMEOUT, "no answer in time")
        if isinstance(answer, Exception):
            raise answer
        if not isinstance(answer, Response):
            made = answer(request)
            answer = made if isinstance(made, Response) else await made
        if len(answer.body) > self._max_body:
            raise LookFailed(Reason.TOO_LARGE, f"answer over {self._max_body} bytes")
        return answer

    async def close(self) -> None:
        self.closed = True
